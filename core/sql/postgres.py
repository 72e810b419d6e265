"""PostgreSQL: several processes may share it; each has one connection that writes and a pool of readers."""

from typing import Any, Final

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from core.domain.errors import StartRefused
from core.sql.connections import WritingConnection, reading
from core.sql.failures import store_failure
from core.sql.migrations import upgrade

READERS: Final = 8
STATEMENT_SECONDS: Final = 15.0
"""How long a statement may take before its connection counts as lost: a partition of the network says nothing."""


class PostgresStore:
    """A database on a server."""

    exclusive = False

    def __init__(self, url: URL) -> None:
        self._shown = url.render_as_string(hide_password=True)
        limits = {"command_timeout": STATEMENT_SECONDS, "timeout": 5.0}
        self._reading = create_async_engine(
            url,
            connect_args=limits,
            pool_size=READERS,
            max_overflow=0,
            pool_pre_ping=True,
            execution_options={"postgresql_readonly": True},
        )
        self._writing = create_async_engine(url, connect_args=limits, poolclass=NullPool)
        self._writer = WritingConnection(self._writing)

    async def open(self) -> None:
        """Connect and migrate. Processes that start together wait for each other."""
        try:
            async with self.write() as connection:
                await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7425001)")
                await connection.run_sync(upgrade)
        except Exception as error:
            await self.close()
            if store_failure(error) is not None:
                raise StartRefused(f"Cannot use the database {self._shown}: {error}") from error
            raise

    async def close(self) -> None:
        """Close every connection."""
        await self._reading.dispose()
        await self._writer.close()
        await self._writing.dispose()

    def read(self) -> Any:
        """Lend a reader."""
        return reading(self._reading)

    def write(self) -> Any:
        """Open a transaction on the writer."""
        return self._writer.transaction()
