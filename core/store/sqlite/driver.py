"""A SQLite connection for asyncio that visits another thread as seldom as can be.

SQLAlchemy's aiosqlite dialect talks to this in place of aiosqlite's connection, which visits its thread three or four
times for each statement. Each visit ends with that thread waiting for the interpreter's lock, and while the event loop
is busy it waits long: a batch of 100 inserts took 584 ms, where its statements need one.

So a statement and its rows are one visit, `BEGIN` rides along with the first statement, and a rollback needs none.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from enum import Enum, auto, unique
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]

_LOCKED_PAUSE: Final = 0.02
"""Seconds between two tries to begin while another program holds the lock."""


@unique
class OffloadPolicy(Enum):
    """What a connection goes to its thread for."""

    ALL = auto()
    """A reader: a query may take its time."""
    COMMITS = auto()
    """The writer: its statements are short, shorter than a visit. A commit, which flushes the disk, is not."""
    NONE = auto()
    """A database in memory waits for nothing."""


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
        self._visits = offload_policy
        self._patience = patience
        self._begin: str | None = None
        self._changes = 0

    @classmethod
    async def connect(
        cls, database: str, pragmas: Sequence[str], offload_policy: OffloadPolicy, patience: float
    ) -> Self:
        """Open `database`, a `file:` URI or `:memory:`, and run `pragmas`; locks are waited for `patience` seconds."""
        threads = ThreadPoolExecutor(1, thread_name_prefix="sqlite")

        def opened() -> sqlite3.Connection:
            raw = sqlite3.connect(database, patience, isolation_level=None, check_same_thread=False, uri=True)
            try:
                for pragma in pragmas:
                    raw.execute(pragma)
                if offload_policy is not OffloadPolicy.ALL:
                    # From now on SQLite must not wait by itself: it would stop the event loop. See `run`.
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
        """None: no transaction begins by itself."""
        return

    def begin(self, statement: str) -> None:
        """Run `statement` right before the next one."""
        self._begin = statement

    @contextmanager
    def off_loop(self) -> Iterator[None]:
        """Take also statements to the thread within the block: they may be long."""
        before = self._visits
        if before is OffloadPolicy.COMMITS:
            self._visits = OffloadPolicy.ALL
        try:
            yield
        finally:
            self._visits = before

    @contextmanager
    def query_only(self) -> Iterator[None]:
        """Refuse to write within the block; what it began is rolled back."""
        raw = self._open()
        raw.execute("PRAGMA query_only=ON")
        try:
            yield
        finally:
            self._begin = None
            raw.rollback()
            raw.execute("PRAGMA query_only=OFF")

    def cursor(self) -> "SqliteCursor":
        """Return a cursor; it costs nothing."""
        return SqliteCursor(self)

    async def create_function(
        self, name: str, arity: int, function: Callable[..., Any], **options: Any
    ) -> None:
        """Register `function` for use in statements."""
        self._open().create_function(name, arity, function, **options)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, after the `BEGIN` that is due."""
        raw = self._open()
        begin, self._begin = self._begin, None

        def statement() -> T:
            if begin is not None:
                raw.execute(begin)
                self._changes = raw.total_changes
            return work(raw)

        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while True:
            try:
                return statement() if self._visits is not OffloadPolicy.ALL else await self._visit(statement)
            except sqlite3.OperationalError as error:
                begun = begin is None or raw.in_transaction
                if begun or not _is_locked(error) or loop.time() > deadline:
                    raise
            await asyncio.sleep(_LOCKED_PAUSE)

    async def commit(self) -> None:
        """Commit; in the thread, when there is anything to flush."""
        raw = self._open()
        try:
            if self._visits is OffloadPolicy.NONE or raw.total_changes == self._changes:
                raw.commit()
            else:
                await self._visit(raw.commit)
        except sqlite3.Error:
            # A commit that failed may leave its transaction open.
            await self.rollback()
            raise
        self._begin = None

    async def rollback(self) -> None:
        """Roll back, without a visit: nothing is flushed."""
        self._begin = None
        raw = self._open()
        if raw.in_transaction:
            raw.rollback()

    async def close(self) -> None:
        """Close after what still runs in the thread. The writer, last of all, folds the log into the file."""
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

    async def _visit(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except asyncio.CancelledError:
            # Nobody waits for it any more: an abandoned query must not keep its thread busy.
            with suppress(sqlite3.Error):
                self._open().interrupt()
            raise

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
        """Run a statement and fetch what it returns."""
        await self._connection.run(lambda raw: self._keep(raw.execute(sql, parameters)))

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each of `parameters`."""
        await self._connection.run(lambda raw: self._keep(raw.executemany(sql, parameters)))

    def _keep(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        cursor.close()

    async def fetchall(self) -> list[Row]:
        """Return the rows, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Forget the rows."""
        self._rows = []


def _is_locked(error: sqlite3.Error) -> bool:
    return (error.sqlite_errorcode & 0xFF) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
