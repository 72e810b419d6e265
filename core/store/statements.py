"""Statements of the hot path: compiled once, and executed straight on the driver with tuples.

Compiling a SQLAlchemy statement is cached, but looking it up, binding its parameters by name and wrapping its rows
costs more than SQLite needs to run it.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final, Protocol, TypeVar

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Table,
    Text,
    bindparam,
    cast,
    insert,
    literal_column,
)
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, String

from breakwater.core.store.sqlite.driver import SqliteConnection

T = TypeVar("T")
Row = tuple[Any, ...]
Build = Callable[[str], ClauseElement]
"""Returns the statement for the dialect of this name."""

_SQLITE: Final[Dialect] = pysqlite.dialect(paramstyle="qmark")
_POSTGRES: Final[Dialect] = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
_encoder: Final = msgspec.json.Encoder()


class Prepared:
    """A statement with a fixed text and fixed parameters, passed as tuples in the order of their declaration.

    JSON is passed as text, and returned as text by `as_text`.
    """

    def __init__(self, build: ClauseElement | Build, *parameters: str) -> None:
        """Prepare a statement, or one per dialect. `parameters` are the names of its bind parameters, in order."""
        self._build = build
        self._parameters = parameters

    @cached_property
    def sqlite(self) -> str:
        """Return the text for SQLite."""
        return self._text(_SQLITE)

    @cached_property
    def postgres(self) -> str:
        """Return the text for PostgreSQL."""
        return self._text(_POSTGRES)

    def _text(self, dialect: Dialect) -> str:
        statement = self._build if isinstance(self._build, ClauseElement) else self._build(dialect.name)
        compiled: Any = statement.compile(dialect=dialect)
        if tuple(compiled.positiontup) != self._parameters:
            raise TypeError(f"the parameters are {compiled.positiontup}, not {self._parameters}: {compiled}")
        return str(compiled)


def prepared_insert(table: Table) -> Prepared:
    """Return the INSERT of whole rows, as tuples in the order of the table's columns."""
    return Prepared(insert(table), *(column.name for column in table.c))


def constant(text: str) -> ColumnElement[Any]:
    """Return `text` as part of a statement's text. It must be a word of ours, such as a state."""
    return literal_column(f"'{text}'", String)


def as_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a JSON column as text on both databases: the driver of PostgreSQL would decode it."""
    return cast(column, Text)


class _IsOneOf(FunctionElement[Any]):
    type = NullType()  # a Boolean would be compared with 1 on SQLite, which then uses no index
    inherit_cache = True


@compiles(_IsOneOf)
def _in_json(element: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  # parts of a compiled statement


@compiles(_IsOneOf, "postgresql")
def _equals_any(element: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({values}::VARCHAR[])"


def is_one_of(column: ColumnElement[str], parameter: str) -> ColumnElement[Any]:
    """Return the condition that `column` is one of the texts in the array `parameter`, see `Statements.array`."""
    return _IsOneOf(column, bindparam(parameter, type_=NullType()))


class Statements(Protocol):
    """Executes prepared statements in the transaction of a connection."""

    def rows(self, statement: Prepared, parameters: Row) -> Sequence[Row]:
        """Return the rows of a query."""
        ...

    def execute(self, statement: Prepared, parameters: Row) -> int:
        """Execute a statement and return how many rows it changed."""
        ...

    def execute_many(self, statement: Prepared, rows: Sequence[Row]) -> None:
        """Execute a statement once for each of `rows`."""
        ...

    def array(self, values: Sequence[str]) -> Any:
        """Return the parameter that passes `values` to `is_one_of`."""
        ...


class SqliteStatements:
    """`Statements` on SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: Prepared, parameters: Row) -> Sequence[Row]:
        """Return the rows of a query."""
        return self._connection.execute(statement.sqlite, parameters).fetchall()

    def execute(self, statement: Prepared, parameters: Row) -> int:
        """Execute a statement and return how many rows it changed."""
        return self._connection.execute(statement.sqlite, parameters).rowcount

    def execute_many(self, statement: Prepared, rows: Sequence[Row]) -> None:
        """Execute a statement once for each of `rows`."""
        if rows:
            self._connection.executemany(statement.sqlite, rows)

    def array(self, values: Sequence[str]) -> Any:
        """Return the parameter that passes `values` to `is_one_of`."""
        return to_json(values)


class ConnectionStatements:
    """`Statements` on a connection of SQLAlchemy, for PostgreSQL and for readers of both databases."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_sqlite = connection.dialect.name == "sqlite"

    def rows(self, statement: Prepared, parameters: Row) -> Sequence[Row]:
        """Return the rows of a query."""
        return [tuple(row) for row in self._connection.exec_driver_sql(self._text(statement), parameters)]

    def execute(self, statement: Prepared, parameters: Row) -> int:
        """Execute a statement and return how many rows it changed."""
        return self._connection.exec_driver_sql(self._text(statement), parameters).rowcount

    def execute_many(self, statement: Prepared, rows: Sequence[Row]) -> None:
        """Execute a statement once for each of `rows`."""
        if rows:
            self._connection.exec_driver_sql(self._text(statement), list(rows))

    def array(self, values: Sequence[str]) -> Any:
        """Return the parameter that passes `values` to `is_one_of`."""
        return to_json(values) if self._is_sqlite else list(values)

    def _text(self, statement: Prepared) -> str:
        return statement.sqlite if self._is_sqlite else statement.postgres


async def run_statements(connection: AsyncConnection, work: Callable[[Statements], T]) -> T:
    """Run `work` in the transaction of `connection` and return its result."""
    driver = SqliteConnection.unwrap(connection)
    if driver is not None:
        return await driver.run(lambda raw: work(SqliteStatements(raw)))
    return await connection.run_sync(lambda inner: work(ConnectionStatements(inner)))


def to_json(value: Any) -> str:
    """Return `value` as the text of a JSON column."""
    return _encoder.encode(value).decode()
