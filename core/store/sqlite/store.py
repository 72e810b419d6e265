"""SQLite: one process, one connection that writes and checkpoints, and readers that can do neither.

Before SQLite 3.51.3 two connections that checkpoint at the same moment can lose commits, and Python ships older ones.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Pool, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, StaticPool

from breakwater.core.store.connections import WritingConnection, reading
from breakwater.core.store.failures import unavailable
from breakwater.core.store.json import ENGINE_JSON
from breakwater.core.store.migrations import upgrade
from breakwater.core.store.sqlite.check import prepare_file, refuse_damaged, refuse_unusable
from breakwater.core.store.sqlite.driver import OffloadPolicy, SqliteConnection
from breakwater.core.store.sqlite.lock import FileLock

READERS: Final = 4
"""Connections that read at the same time, each with a thread."""
POOL_SECONDS: Final = 10.0
"""How long a reader waits for a free connection."""
BUSY_SECONDS: Final = 2.0
"""How long a transaction waits for another program's lock: a shell that somebody left open, a backup."""
JOURNAL_LIMIT: Final = 64 * 1024 * 1024
"""Bytes to which the log is cut back after a burst made it longer."""
CHECKPOINT_PAGES: Final = 16_000
"""Pages of 4 KiB that the log holds before a commit folds it into the file, within `JOURNAL_LIMIT`. At SQLite's default
of 1,000, and 200 messages a second, one commit in forty took 3 to 7 ms instead of one; now one in six hundred takes 7
to 15 ms, for a page that changed ten times is folded once."""

_DURABLE: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA journal_size_limit={JOURNAL_LIMIT}",
)
_WRITER: Final = (*_DURABLE, "PRAGMA foreign_keys=ON", f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
_READER: Final = ("PRAGMA query_only=ON", "PRAGMA wal_autocheckpoint=0")


class SqliteFileStore:
    """A database in one file."""

    exclusive: Final = True

    def __init__(self, url: URL) -> None:
        self._path = Path(url.database or "").resolve()
        self._lock = FileLock(self._path)
        self._identity: tuple[int, int] | None = None
        # What is opened read-only cannot checkpoint, not even as the last one to close.
        self._reading = _engine(
            f"{self._path.as_uri()}?mode=ro",
            _READER,
            OffloadPolicy.ALL,
            AsyncAdaptedQueuePool,
            pool_size=READERS,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
        )
        self._writing = _engine(self._path.as_uri(), _WRITER, OffloadPolicy.COMMITS, NullPool)
        self._writer = WritingConnection(self._writing)

    async def open(self) -> None:
        """Lock, check and migrate the file; it is made when it is not there."""
        try:
            await asyncio.to_thread(self._take)
            await self._migrate()
            self._identity = _identity(self._path)
            async with self.write() as connection:  # before any reader: it makes the log that they look into
                await connection.exec_driver_sql("SELECT 1")
        except BaseException:
            await self.close()
            raise

    def _take(self) -> None:
        refuse_unusable(self._path)
        self._lock.acquire()
        prepare_file(self._path)
        refuse_damaged(self._path)

    async def _migrate(self) -> None:
        # A table is changed by copying it and dropping the old one. With foreign keys in force, the drop would take
        # every row along that names one of its rows.
        engine = _engine(self._path.as_uri(), _DURABLE, OffloadPolicy.ALL, NullPool)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(upgrade)
        finally:
            await engine.dispose()

    async def close(self) -> None:
        """Close the readers, then the writer, whose closing folds the log into the file."""
        await self._reading.dispose()
        await self._writer.close()
        await self._writing.dispose()
        self._lock.release()

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a reader."""
        return reading(self._reading)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction on the writer."""
        # SQLite goes on writing into a file that was removed, and would confirm what is lost with the process.
        if _identity(self._path) != self._identity:
            raise unavailable(f"{self._path} was removed or replaced; put it back, or restart")
        async with self._writer.transaction() as connection:
            yield connection

    @asynccontextmanager
    async def off_loop(self, connection: AsyncConnection) -> AsyncIterator[None]:
        """Let statements be long."""
        with (await _driver(connection)).off_loop():
            yield


class SqliteMemoryStore:
    """A database that ends with the process: readers and the writer take turns on one connection."""

    exclusive: Final = True

    def __init__(self) -> None:
        self._engine = _engine(":memory:", ["PRAGMA foreign_keys=ON"], OffloadPolicy.NONE, StaticPool)
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Make the tables."""
        try:
            async with self.write() as connection:
                await connection.run_sync(upgrade)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Forget everything."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Lend the connection, when nobody else has it, unable to write."""
        async with self._turn, self._engine.connect() as connection:
            with (await _driver(connection)).query_only():
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction, when nobody else has the connection."""
        async with self._turn, self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def off_loop(self, _connection: AsyncConnection) -> AsyncIterator[None]:
        """Change nothing: in memory nothing is long."""
        yield


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


async def _driver(connection: AsyncConnection) -> SqliteConnection:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, SqliteConnection)  # noqa: S101  # `_engine` makes no other
    return driver


def _engine(
    database: str, pragmas: Sequence[str], offload_policy: OffloadPolicy, pool: type[Pool], **options: Any
) -> AsyncEngine:
    async def connect() -> Any:
        return await SqliteConnection.connect(database, pragmas, offload_policy, BUSY_SECONDS)

    engine = create_async_engine(
        "sqlite+aiosqlite://", async_creator=connect, poolclass=pool, **ENGINE_JSON, **options
    )
    begin = "BEGIN IMMEDIATE" if offload_policy is OffloadPolicy.COMMITS else "BEGIN"

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.begin(begin)

    return engine
