"""The database: open, read and write it. The only file that asks for the dialect."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Insert, LargeBinary, Table, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from breakwater.core.domain.errors import StartRefused
from breakwater.core.ports import Sealer
from breakwater.core.store.failures import store_failure
from breakwater.core.store.postgres.store import PostgresStore
from breakwater.core.store.sqlite.store import SqliteFileStore, SqliteMemoryStore
from breakwater.core.store.statements import Prepared
from breakwater.core.store.store import Store
from breakwater.core.store.writer import GroupCommitWriter

_FORMS = (
    "sqlite+aiosqlite:///path, sqlite+aiosqlite:///:memory: or postgresql+asyncpg://user:password@host/name"
)


class Database:
    """One database: readers by `read()`, everything that writes by `writer`."""

    def __init__(self, url: str, sealer: Sealer | None = None) -> None:
        """Use the database at `url`. `sealer` encrypts what an older version stored in clear."""
        self._store = _store_for(url, sealer)
        self._readers: set[asyncio.Task[Any] | None] = set()
        self.writer = GroupCommitWriter(
            self._store.write, self._store.off_loop, check=self._refuse_inside_read
        )

    @property
    def exclusive(self) -> bool:
        """Whether no other process can have this database open at the same time."""
        return self._store.exclusive

    async def open(self) -> None:
        """Open and check the database, and migrate it to the newest schema. Raises StartRefused."""
        try:
            await self._store.open()
        except Exception as error:
            if (failure := store_failure(error)) is None:
                raise
            raise StartRefused(str(failure)) from error
        self.writer.start()

    async def close(self) -> None:
        """Write what is queued, and release every connection and lock."""
        try:
            await self.writer.close()
        finally:
            await self._store.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Provide a connection that sees one state of the database and cannot change it.

        A second read or a write inside the block raises RuntimeError: on the database in memory it would wait for
        itself. Raises StoreUnavailable when the database cannot be read.
        """
        self._refuse_inside_read()
        task = asyncio.current_task()
        self._readers.add(task)
        try:
            async with self._store.read() as connection:
                yield connection
        except Exception as error:
            unavailable = store_failure(error)
            if unavailable is None or unavailable is error:
                raise
            raise unavailable from error
        finally:
            self._readers.discard(task)

    def _refuse_inside_read(self) -> None:
        if self._readers and asyncio.current_task() in self._readers:
            raise RuntimeError("leave the block of database.read() first")


def _store_for(url: str, sealer: Sealer | None) -> Store:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: of the port
        raise StartRefused(f"The database URL is not valid. Use {_FORMS}.") from None
    if parsed.drivername == "postgresql+asyncpg":
        return PostgresStore(parsed, sealer)
    if parsed.drivername != "sqlite+aiosqlite":
        raise StartRefused(f"Database {parsed.drivername} is not supported. Use {_FORMS}.")
    if parsed.database in {None, "", ":memory:"}:
        return SqliteMemoryStore()
    return SqliteFileStore(parsed, sealer)


def upsert(
    connection: Connection | AsyncConnection,
    table: Table,
    keys: Sequence[str],
    *,
    replace: Sequence[str] = (),
    add: Sequence[str] = (),
) -> Insert:
    """Return an INSERT that updates the row when one with the same `keys` exists.

    Columns in `replace` take the new value, columns in `add` the sum of both; with neither the existing row is
    unchanged. Pass the rows at execution. PostgreSQL refuses rows with the same keys in one statement.
    """
    return _upsert(connection.dialect.name, table, tuple(keys), tuple(replace), tuple(add))


def prepared_upsert(
    table: Table, keys: Sequence[str], *, replace: Sequence[str] = (), add: Sequence[str] = ()
) -> Prepared:
    """Return the statement of `upsert` for whole rows, as tuples in the order of the table's columns."""

    def build(dialect: str) -> Insert:
        return _upsert(dialect, table, tuple(keys), tuple(replace), tuple(add))

    return Prepared(build, *(column.name for column in table.c))


@lru_cache
def _upsert(
    dialect: str, table: Table, keys: tuple[str, ...], replace: tuple[str, ...], add: tuple[str, ...]
) -> Insert:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement: Any = insert(table)
    changes = {name: statement.excluded[name] for name in replace}
    changes |= {name: table.c[name] + statement.excluded[name] for name in add}
    upsert_statement: Insert = (
        statement.on_conflict_do_update(index_elements=keys, set_=changes)
        if changes
        else statement.on_conflict_do_nothing(index_elements=keys)
    )
    return upsert_statement


def require_database(url: str) -> None:
    """Raise StartRefused for a SQLite file that does not exist, so that a wrong path creates no empty database."""
    if not url.startswith("sqlite"):
        return
    path = Path(make_url(url).database or "")
    try:
        exists = path.is_file()
    except OSError:  # such as a name that is too long
        exists = False
    if not exists:
        raise StartRefused(f"There is no database {path}. Set BREAKWATER_DATABASE_URL, or --database-url.")


async def database_bytes(connection: AsyncConnection) -> int:
    """Return the size of the database in bytes, without the write-ahead log."""
    size = (
        "SELECT pg_database_size(current_database())"
        if connection.dialect.name == "postgresql"
        else "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    )
    return int((await connection.exec_driver_sql(size)).scalar_one())


class _BytesContain(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True


@compiles(_BytesContain)
def _instr(element: _BytesContain, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


@compiles(_BytesContain, "postgresql")
def _position(element: _BytesContain, compiler: SQLCompiler, **options: Any) -> str:
    haystack, needle = (compiler.process(part, **options) for part in element.clauses)
    return f"position({needle} in {haystack}) > 0"


def bytes_contain(column: ColumnElement[bytes], part: bytes) -> ColumnElement[bool]:
    """Return the condition that the bytes of `column` contain `part`."""
    return _BytesContain(column, literal(part, LargeBinary))
