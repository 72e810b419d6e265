"""SQLite: one process, one connection that writes and checkpoints, and readers that can do neither.

Before SQLite 3.51.3, two connections that checkpoint at the same time can lose commits. Python ships older versions.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Pool, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, StaticPool

from breakwater.core.ports import Sealer
from breakwater.core.store.connections import WritingConnection, read_transaction
from breakwater.core.store.failures import unavailable
from breakwater.core.store.json import ENGINE_JSON
from breakwater.core.store.migrations import upgrade
from breakwater.core.store.sqlite.check import prepare_file, refuse_damaged, refuse_unusable
from breakwater.core.store.sqlite.driver import OffloadPolicy, SqliteConnection
from breakwater.core.store.sqlite.lock import FileLock
from breakwater.core.store.sqlite.log_stamp import checkpoint, refuse_stale_log, stamp_statements

READERS: Final = 4
"""Concurrent readers, each with a connection and a thread."""
POOL_SECONDS: Final = 10.0
"""How long a reader waits for a free connection."""
BUSY_SECONDS: Final = 2.0
"""How long a transaction waits for the lock of another program, such as a backup."""
JOURNAL_LIMIT: Final = 64 * 1024 * 1024
"""Bytes to which the log is truncated after a burst."""
CHECKPOINT_PAGES: Final = 16_000
"""Pages of 4 KiB in the log before a write checkpoints it, within `JOURNAL_LIMIT`. SQLite's default of 1,000 makes a
slow write frequent under load; with more pages, a page that changed ten times is copied once."""
CHECKPOINT_PAUSE: Final = 1.0
"""Seconds between two checkpoints, because readers can keep one from emptying the log."""
_PAGE_BYTES: Final = 4096 + 24
"""A page in the log with its header."""

_DURABLE: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA journal_size_limit={JOURNAL_LIMIT}",
)
_WRITER: Final = (*_DURABLE, "PRAGMA foreign_keys=ON", "PRAGMA wal_autocheckpoint=0")
_BEGIN: Final = "BEGIN IMMEDIATE"
"""Takes the lock of the file first, so that no transaction fails in its middle."""
_READER: Final = ("PRAGMA query_only=ON", "PRAGMA wal_autocheckpoint=0")


class SqliteFileStore:
    """A database in one file."""

    exclusive: Final = True

    def __init__(self, url: URL, sealer: Sealer | None) -> None:
        self._sealer = sealer
        self._path = Path(url.database or "").resolve()
        self._lock = FileLock(self._path)
        self._log = self._path.with_name(self._path.name + "-wal")
        self._identity: tuple[int, int] | None = None
        self._descriptor: int | None = None
        """Of the file, to read its header. POSIX releases all locks of a process on a file when the process closes one
        of its descriptors, so this one stays open as long as the connections."""
        self._checkpoint_at = 0.0
        # A read-only connection cannot checkpoint, even as the last one to close.
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
        self._writer = WritingConnection(self._writing, begin=_begin)

    async def open(self) -> None:
        """Lock, check and migrate the file; create it when it is missing."""
        try:
            await asyncio.to_thread(self._take)
            await self._migrate()
            self._identity = _identity(self._path)
            async with self.write() as connection:  # creates the log, which the readers need
                await connection.exec_driver_sql("SELECT 1")
            await self._checkpoint()
        except BaseException:
            await self.close()
            raise

    def _take(self) -> None:
        refuse_unusable(self._path)
        self._lock.acquire()
        prepare_file(self._path)
        refuse_stale_log(self._path)
        refuse_damaged(self._path)
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    async def _migrate(self) -> None:
        # A migration changes a table by copying it and dropping the old one. With foreign keys on, the drop would also
        # delete every row that references it.
        engine = _engine(self._path.as_uri(), _DURABLE, OffloadPolicy.ALL, NullPool)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(upgrade, self._sealer)
                # A new schema without a new stamp would look like another file, if the process is killed now.
                for statement in stamp_statements(self._descriptor) if self._descriptor is not None else ():
                    await connection.exec_driver_sql(statement)
        finally:
            await engine.dispose()

    async def close(self) -> None:
        """Close the readers, then the writer, which checkpoints the log."""
        await self._reading.dispose()
        await self._writer.close()
        await self._writing.dispose()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._lock.release()

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Provide a reader."""
        return read_transaction(self._reading)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction on the writer."""
        # SQLite continues to write to a removed file. Those commits would be lost when the process ends.
        if _identity(self._path) != self._identity:
            raise unavailable("its file was removed or replaced; put it back, or restart")
        if self._is_log_long() and asyncio.get_running_loop().time() >= self._checkpoint_at:
            await self._checkpoint()
        async with self._writer.transaction() as connection:
            yield connection

    def _is_log_long(self) -> bool:
        try:
            return self._log.stat().st_size >= CHECKPOINT_PAGES * _PAGE_BYTES
        except OSError:
            return False

    async def _checkpoint(self) -> None:
        """Checkpoint the log. A failure changes nothing: the next write tries again, and fails itself if it must."""
        descriptor = self._descriptor
        if descriptor is None:
            return
        self._checkpoint_at = asyncio.get_running_loop().time() + CHECKPOINT_PAUSE
        with suppress(sqlite3.Error):
            async with self._writer.idle() as connection:
                await _driver(connection).run_idle(lambda raw: checkpoint(raw, descriptor))

    @asynccontextmanager
    async def off_loop(self, connection: AsyncConnection) -> AsyncIterator[None]:
        """Run statements off the event loop within the block."""
        with _driver(connection).off_loop():
            yield


class SqliteMemoryStore:
    """A database in memory: readers and the writer take turns on one connection."""

    exclusive: Final = True

    def __init__(self) -> None:
        self._engine = _engine(":memory:", ["PRAGMA foreign_keys=ON"], OffloadPolicy.NONE, StaticPool)
        self._connection_lock = asyncio.Lock()

    async def open(self) -> None:
        """Create the tables."""
        try:
            async with self.write() as connection:
                await connection.run_sync(upgrade)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Discard the database."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Provide the connection, read-only, when it is free."""
        async with self._connection_lock, self._engine.connect() as connection:
            with _driver(connection).query_only():
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction when the connection is free."""
        async with self._connection_lock, self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def off_loop(self, _connection: AsyncConnection) -> AsyncIterator[None]:
        """Change nothing: this database stays on the event loop."""
        yield


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _driver(connection: AsyncConnection) -> SqliteConnection:
    driver = SqliteConnection.unwrap(connection)
    assert driver is not None  # noqa: S101  # `_engine` creates no other
    return driver


@asynccontextmanager
async def _begin(connection: AsyncConnection) -> AsyncIterator[None]:
    """Begin a transaction in which SQLAlchemy takes part only if it executes a statement.

    Most batches are executed straight on the driver, and SQLAlchemy's bookkeeping would cost more than they do.
    """
    driver = _driver(connection)
    driver.begin(_BEGIN)
    try:
        yield
        await (connection.commit() if connection.in_transaction() else driver.commit())
    except BaseException:
        await connection.rollback()
        await driver.rollback()
        raise


def _engine(
    database: str, pragmas: Sequence[str], offload_policy: OffloadPolicy, pool: type[Pool], **options: Any
) -> AsyncEngine:
    async def connect() -> Any:
        return await SqliteConnection.connect(database, pragmas, offload_policy, BUSY_SECONDS)

    engine = create_async_engine(
        "sqlite+aiosqlite://", async_creator=connect, poolclass=pool, **ENGINE_JSON, **options
    )
    begin = _BEGIN if offload_policy is OffloadPolicy.COMMITS else "BEGIN"

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.begin(begin)

    return engine
