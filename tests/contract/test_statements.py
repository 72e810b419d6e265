"""Prepared statements run alike on every database, in the same transaction as the statements of SQLAlchemy."""

from collections.abc import Callable

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import Conflict
from breakwater.core.store import circuits
from breakwater.core.store.commands import accept, claim, record
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import MESSAGES
from breakwater.core.store.statements import (
    ConnectionStatements,
    Prepared,
    Statements,
    constant,
    is_one_of,
    prepared_insert,
    run_statements,
)
from tests.contract.commands import message, names
from tests.contract.recorded_sql import plan_lines

INSERT = prepared_insert(MESSAGES)
NAMES = Prepared(select(MESSAGES.c.id).where(is_one_of(MESSAGES.c.id, "ids")).order_by(MESSAGES.c.id), "ids")
RENAME_EVENT = Prepared(
    update(MESSAGES).where(MESSAGES.c.id == bindparam("name")).values(event_type=constant("renamed")), "name"
)


def add(*added: str) -> Callable[[Statements], None]:
    return lambda statements: statements.execute_many(
        INSERT, [tuple(message(name).values()) for name in added]
    )


async def test_rows_are_selected_by_any_number_of_values_with_one_text(database: Database) -> None:
    await database.writer.run(lambda connection: run_statements(connection, add("m1", "m2", "m3")))

    def read(statements: Statements) -> list[list[str]]:
        choices = ([], ["m2"], ["m3", "unknown", "m1"])
        return [[name for (name,) in statements.rows(NAMES, (statements.array(ids),))] for ids in choices]

    async with database.read() as connection:
        assert await connection.run_sync(lambda inner: read(ConnectionStatements(inner))) == [
            [],
            ["m2"],
            ["m1", "m3"],
        ]
    assert await database.writer.run(lambda connection: run_statements(connection, read)) == [
        [],
        ["m2"],
        ["m1", "m3"],
    ]


async def test_a_statement_returns_how_many_rows_it_changed(database: Database) -> None:
    await database.writer.run(lambda connection: run_statements(connection, add("m1")))
    counts = await database.writer.run(
        lambda connection: run_statements(
            connection,
            lambda statements: [statements.execute(RENAME_EVENT, (name,)) for name in ("m1", "unknown")],
        )
    )
    assert counts == [1, 0]


async def test_both_kinds_of_statements_share_a_transaction(database: Database) -> None:
    async def write(connection: AsyncConnection) -> None:
        await run_statements(connection, add("prepared"))
        await connection.execute(insert(MESSAGES), message("built"))
        await run_statements(connection, add("last"))

    async def fail(connection: AsyncConnection) -> None:
        await run_statements(connection, add("undone"))
        raise Conflict("no")

    await database.writer.run(write)
    with pytest.raises(Conflict):
        await database.writer.run(fail)
    assert await names(database) == ["built", "last", "prepared"]


def test_parameters_in_another_order_than_declared_are_an_error() -> None:
    statement = Prepared(select(MESSAGES.c.id).where(MESSAGES.c.id == bindparam("a")), "b")
    with pytest.raises(TypeError, match="the parameters are"):
        _ = statement.sqlite


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(value, id=f"{module.__name__.rpartition('.')[2]}.{name}")
        for module in (accept, circuits, claim, record)
        for name, value in vars(module).items()
        if isinstance(value, Prepared) and not value.sqlite.startswith("INSERT")
    ],
)
async def test_each_statement_of_a_delivery_finds_its_rows_by_an_index(
    sqlite_url: str, statement: Prepared
) -> None:
    database = Database(sqlite_url)
    await database.open()
    async with database.read() as connection:
        plan = await plan_lines(connection, statement.sqlite, (None,) * statement.sqlite.count("?"))
    await database.close()
    assert [line for line in plan if line.startswith("SCAN") and "json_each" not in line] == []
