"""A SQLite connection for asyncio that uses its thread as little as possible.

SQLAlchemy's aiosqlite dialect uses this class in place of aiosqlite's connection, which runs three or four calls per
statement in its thread. After each call the thread waits for the interpreter's lock, and it waits long while the event
loop is busy.

Here a statement and its rows are one call, `BEGIN` runs with the first statement, and a rollback runs on the event
loop.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from enum import Enum, auto, unique
from typing import Any, Final, Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
Row = tuple[Any, ...]

_LOCKED_PAUSE: Final = 0.02
"""Seconds between two attempts to begin while another program holds the lock."""
_ROLLBACK_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_INTERRUPT,
    }
)
"""Primary codes of errors after which SQLite may roll the whole transaction back itself,
https://sqlite.org/lang_transaction.html."""
_UNKNOWN_CODE: Final = sqlite3.SQLITE_IOERR
"""The code of a transaction that SQLite rolled back for a reason that is not known: the database has failed."""


@unique
class OffloadPolicy(Enum):
    """What a connection runs in its thread."""

    ALL = auto()
    """A reader: a query can be slow."""
    COMMITS = auto()
    """The writer: its statements are shorter than a call in the thread. A commit, which flushes the disk, is not."""
    NONE = auto()
    """A database in memory waits for no disk."""


class SqliteConnection:
    """One connection, used by one task at a time."""

    def __init__(
        self,
        raw: sqlite3.Connection,
        threads: ThreadPoolExecutor,
        offload_policy: OffloadPolicy,
        patience: float,
    ) -> None:
        self._connection: sqlite3.Connection | None = raw
        self._threads = threads
        self._offload_policy = offload_policy
        self._patience = patience
        self._begin: str | None = None
        self._active = False
        """Whether a transaction began that was neither committed nor rolled back by this class."""
        self._rollback_code = _UNKNOWN_CODE
        """Result code of the statement after which SQLite itself rolled the transaction back."""
        self._changes = 0
        self._abandoned = False
        """Whether the caller of a call in the thread was cancelled. SQLAlchemy then discards the connection."""

    @classmethod
    async def connect(
        cls, database: str, pragmas: Sequence[str], offload_policy: OffloadPolicy, patience: float
    ) -> Self:
        """Open `database`, a `file:` URI or `:memory:`, and run `pragmas`. `patience`: seconds to wait for a lock."""
        threads = ThreadPoolExecutor(1, thread_name_prefix="sqlite")

        def opened() -> sqlite3.Connection:
            raw = sqlite3.connect(database, patience, isolation_level=None, check_same_thread=False, uri=True)
            try:
                for pragma in pragmas:
                    raw.execute(pragma)
                if offload_policy is not OffloadPolicy.ALL:
                    # SQLite itself must not wait for locks: that would block the event loop. `run` waits instead.
                    raw.execute("PRAGMA busy_timeout=0")
            except BaseException:
                raw.close()
                raise
            return raw

        try:
            raw = await asyncio.get_running_loop().run_in_executor(threads, opened)
        except BaseException:
            threads.shutdown(wait=False)
            raise
        return cls(raw, threads, offload_policy, patience)

    @property
    def isolation_level(self) -> None:
        """None: no transaction begins implicitly."""
        return

    @classmethod
    def unwrap(cls, connection: AsyncConnection) -> "SqliteConnection | None":
        """Return the driver's connection of an open `connection`, or None when its database is not SQLite."""
        sync_connection = connection.sync_connection
        driver = None if sync_connection is None else sync_connection.connection.driver_connection
        return driver if isinstance(driver, cls) else None

    def begin(self, statement: str) -> None:
        """Run `statement` right before the next one, unless a transaction has begun."""
        if not self._active:
            self._begin = statement

    @contextmanager
    def off_loop(self) -> Iterator[None]:
        """Run statements in the thread, too, within the block."""
        before = self._offload_policy
        if before is OffloadPolicy.COMMITS:
            self._offload_policy = OffloadPolicy.ALL
        try:
            yield
        finally:
            self._offload_policy = before

    @contextmanager
    def query_only(self) -> Iterator[None]:
        """Refuse to write within the block, and roll back its transaction at the end."""
        raw = self._open()
        raw.execute("PRAGMA query_only=ON")
        try:
            yield
        finally:
            self._begin, self._active = None, False
            raw.rollback()
            raw.execute("PRAGMA query_only=OFF")

    def cursor(self) -> "SqliteCursor":
        """Return a cursor."""
        return SqliteCursor(self)

    async def create_function(
        self, name: str, arity: int, function: Callable[..., Any], **options: Any
    ) -> None:
        """Register `function` for use in statements."""
        self._open().create_function(name, arity, function, **options)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, after the pending `BEGIN`. Raises when SQLite itself rolled the transaction back before."""
        raw = self._open()
        begin, self._begin = self._begin, None

        def statement() -> T:
            if begin is not None:
                raw.execute(begin)
                self._active, self._rollback_code = True, _UNKNOWN_CODE
                self._changes = raw.total_changes
            else:
                self._refuse_rolled_back(raw)
            self._refuse_abandoned()
            try:
                return work(raw)
            except sqlite3.Error as error:
                self._note_rollback(raw, error)
                raise

        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while True:
            try:
                return (
                    statement()
                    if self._offload_policy is not OffloadPolicy.ALL
                    else await self._run_in_thread(statement)
                )
            except sqlite3.OperationalError as error:
                begun = begin is None or raw.in_transaction
                if begun or not _is_locked(error) or loop.time() > deadline:
                    raise
            await asyncio.sleep(_LOCKED_PAUSE)

    async def run_idle(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the thread, outside of a transaction."""
        raw = self._open()
        return await self._run_in_thread(lambda: work(raw))

    async def commit(self) -> None:
        """Commit, in the thread when there are changes to flush. Raises when there is no transaction any more."""
        raw = self._open()
        try:
            self._refuse_rolled_back(raw)
            if self._offload_policy is OffloadPolicy.NONE or raw.total_changes == self._changes:
                raw.commit()
            else:
                await self._run_in_thread(raw.commit)
        except sqlite3.Error:
            # A failed commit can leave its transaction open.
            await self.rollback()
            raise
        self._begin, self._active = None, False

    async def rollback(self) -> None:
        """Roll back on the event loop: nothing is flushed."""
        self._begin, self._active = None, False
        raw = self._open()
        if raw.in_transaction:
            raw.rollback()

    async def close(self) -> None:
        """Close after the call that still runs in the thread. The last connection to close checkpoints the log."""
        raw, self._connection = self._connection, None
        if raw is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, raw.close)
            finally:
                self._threads.shutdown(wait=False)

    def stop(self) -> None:
        """Close without waiting."""
        raw, self._connection = self._connection, None
        if raw is not None:
            self._threads.submit(raw.close)
            self._threads.shutdown(wait=False)

    async def _run_in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except asyncio.CancelledError:
            # The caller is gone: an abandoned query must not occupy the thread. `interrupt` ends one that runs.
            self._abandoned = True
            with suppress(sqlite3.Error):
                self._open().interrupt()
            raise

    def _note_rollback(self, raw: sqlite3.Connection, error: sqlite3.Error) -> None:
        # An error that Python's module raises itself has no code.
        code = getattr(error, "sqlite_errorcode", _UNKNOWN_CODE)
        if self._active and not raw.in_transaction and code & 0xFF in _ROLLBACK_CODES:
            self._rollback_code = code

    def _refuse_rolled_back(self, raw: sqlite3.Connection) -> None:
        # SQLite is in autocommit mode now: a statement would commit by itself, and `commit` would do nothing.
        if self._active and not raw.in_transaction:
            error = sqlite3.OperationalError("SQLite rolled the transaction back after an error")
            error.sqlite_errorcode = self._rollback_code
            raise error

    def _refuse_abandoned(self) -> None:
        if self._abandoned:
            error = sqlite3.OperationalError("interrupted")
            error.sqlite_errorcode = sqlite3.SQLITE_INTERRUPT
            raise error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("connection closed")
        return self._connection


class SqliteCursor:
    """A statement and all its rows."""

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection
        self._rows: list[Row] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement and fetch its rows."""
        await self._connection.run(lambda raw: self._store(raw.execute(sql, parameters)))

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each of `parameters`."""
        await self._connection.run(lambda raw: self._store(raw.executemany(sql, parameters)))

    def _store(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        cursor.close()

    async def fetchall(self) -> list[Row]:
        """Return the rows, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Discard the rows."""
        self._rows = []


def _is_locked(error: sqlite3.Error) -> bool:
    return (error.sqlite_errorcode & 0xFF) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
