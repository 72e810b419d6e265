"""PostgreSQL: processes can share it; each has one connection that writes and a pool of readers."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from breakwater.core.domain.errors import StartRefused
from breakwater.core.ports import Sealer
from breakwater.core.store.connections import WritingConnection, read_transaction
from breakwater.core.store.json import ENGINE_JSON
from breakwater.core.store.migrations import upgrade

READERS: Final = 8
CONNECT_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 15.0
"""Time limit of a statement, after which its connection counts as lost: a cut network reports nothing."""
IDLE_SECONDS: Final = 5.0
"""After so long without a write, the connection is tested before the next batch: the server may have restarted."""
_MIGRATION_LOCK: Final = 7_425_001
"""An arbitrary number for an advisory lock, so that processes that start together migrate one after the other."""


class PostgresStore:
    """A database on a server."""

    exclusive: Final = False

    def __init__(self, url: URL, sealer: Sealer | None) -> None:
        self._sealer = sealer
        self._url = url
        self._reading = _engine(
            url,
            STATEMENT_SECONDS,
            pool_size=READERS,
            max_overflow=0,
            pool_timeout=10.0,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
        self._writing = _engine(url, STATEMENT_SECONDS, poolclass=NullPool)
        self._writer = WritingConnection(self._writing, idle_seconds=IDLE_SECONDS)

    async def open(self) -> None:
        """Connect and migrate."""
        engine = _engine(self._url, None, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
                await connection.run_sync(upgrade, self._sealer)
        except (DBAPIError, OSError, UnicodeError, OverflowError) as error:  # of the host, of the port
            cause = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
            url = self._url.render_as_string(hide_password=True)
            raise StartRefused(f"Cannot use the database {url}: {cause}") from error
        finally:
            await engine.dispose()

    async def close(self) -> None:
        """Close every connection."""
        await self._reading.dispose()
        await self._writer.close()
        await self._writing.dispose()

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Provide a reader."""
        return read_transaction(self._reading)

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a transaction on the writer."""
        return self._writer.transaction()

    @asynccontextmanager
    async def off_loop(self, _connection: AsyncConnection) -> AsyncIterator[None]:
        """Change nothing: the statements run on the server."""
        yield


def _engine(url: URL, statement_seconds: float | None, **options: Any) -> AsyncEngine:
    arguments: dict[str, Any] = {"command_timeout": statement_seconds, "timeout": CONNECT_SECONDS}
    try:
        # An installation without PostgreSQL has no asyncpg.
        from breakwater.core.store.postgres.connection import CheckedConnection  # noqa: PLC0415  # see above

        arguments["connection_class"] = CheckedConnection
        return create_async_engine(url, connect_args=arguments, **ENGINE_JSON, **options)
    except ModuleNotFoundError as error:
        raise StartRefused(
            "PostgreSQL needs the driver asyncpg: install breakwater with the extra `postgres`."
        ) from error
