"""SQLite: one process, one connection that writes and checkpoints, and readers that can do neither."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, StaticPool

from core.domain.errors import StartRefused
from core.sql.connections import WritingConnection, reading
from core.sql.lock import FileLock
from core.sql.migrations import upgrade

READERS: Final = 4
"""Connections that read at the same time, each a thread."""
BUSY_SECONDS: Final = 2.0
"""How long a statement waits for another program's lock: a shell that somebody left open, a backup."""
POOL_SECONDS: Final = 10.0
"""How long a reader waits for a free connection."""
CHECK_SECONDS: Final = 2.0
"""How long the check at start may read. A larger file is checked as far as that gets: starting must not take minutes."""
JOURNAL_LIMIT: Final = 64 * 1024 * 1024
"""Bytes to which the log is cut back after a burst made it longer."""

_WRITER_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA journal_size_limit={JOURNAL_LIMIT}",
)
_READER_PRAGMAS: Final = ("PRAGMA query_only=ON", "PRAGMA wal_autocheckpoint=0")
_READER_POOL: Final = {
    "poolclass": AsyncAdaptedQueuePool,
    "pool_size": READERS,
    "max_overflow": 0,
    "pool_timeout": POOL_SECONDS,
}


class SqliteFileStore:
    """A database in one file."""

    exclusive = True

    def __init__(self, url: URL) -> None:
        self._path = Path(url.database or "").resolve()
        self._lock = FileLock(self._path)
        # A reader that is opened read-only cannot checkpoint, not even as the last one to close.
        self._reading = _engine(_uri(self._path, "?mode=ro"), "BEGIN", _READER_PRAGMAS, _READER_POOL)
        self._writing = _engine(_uri(self._path), "BEGIN IMMEDIATE", _WRITER_PRAGMAS, {"poolclass": NullPool})
        self._writer = WritingConnection(self._writing)

    async def open(self) -> None:
        """Lock, check and migrate the file; it is made when it does not exist."""
        try:
            await asyncio.to_thread(self._take)
            async with self.write() as connection:
                await connection.run_sync(upgrade)
        except BaseException:
            await self.close()
            raise

    def _take(self) -> None:
        refuse_unusable(self._path)
        self._lock.acquire()
        check(self._path)

    async def close(self) -> None:
        """Close the readers, then the writer, whose closing folds the log into the file."""
        await self._reading.dispose()
        await self._writer.close()
        await self._writing.dispose()
        self._lock.release()

    def read(self) -> Any:
        """Lend a reader."""
        return reading(self._reading)

    def write(self) -> Any:
        """Open a transaction on the writer."""
        return self._writer.transaction()


class SqliteMemoryStore:
    """A database that ends with the process: readers and the writer take turns on one connection."""

    exclusive = True

    def __init__(self) -> None:
        self._engine = _engine(
            ":memory:", "BEGIN IMMEDIATE", ("PRAGMA foreign_keys=ON",), {"poolclass": StaticPool}
        )
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
        """Lend the connection when nobody else has it, unable to write."""
        async with self._turn, reading(self._engine) as connection:
            await connection.exec_driver_sql("PRAGMA query_only=ON")
            try:
                yield connection
            finally:
                await connection.exec_driver_sql("PRAGMA query_only=OFF")

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction when nobody else has the connection."""
        async with self._turn, self._engine.begin() as connection:
            yield connection


def refuse_unusable(path: Path) -> None:
    """Raise StartRefused when `path` cannot be a database file of this process."""
    folder = path.parent
    if not folder.is_dir():
        raise StartRefused(f"Cannot open the database: there is no directory {folder}. Make it first.")
    if path.is_dir():
        raise StartRefused(f"Cannot open the database: {path} is a directory, not a file.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StartRefused(
            f"Cannot open the database: the directory {folder} is not writable; its log is kept there."
        )
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise StartRefused(f"Cannot open the database: {path} is not readable and writable for this user.")


def check(path: Path) -> None:
    """Raise StartRefused when the file is damaged or no database, as far as `CHECK_SECONDS` of reading show."""
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            deadline = time.monotonic() + CHECK_SECONDS
            connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise StartRefused(
                f"{path} is not a SQLite database: give another path, or move it away."
            ) from error
        raise StartRefused(f"{path} cannot be used as a database: {error}.") from error
    if verdict != "ok":
        raise StartRefused(f"{path} is damaged ({verdict}): restore it from a backup.")


def _uri(path: Path, query: str = "") -> str:
    return path.as_uri() + query


def _engine(database: str, begin: str, pragmas: tuple[str, ...], pool: dict[str, Any]) -> AsyncEngine:
    async def connect() -> aiosqlite.Connection:
        connection = aiosqlite.connect(database, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
        connection._thread.daemon = True
        return await connection

    engine = create_async_engine("sqlite+aiosqlite://", async_creator=connect, **pool)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
