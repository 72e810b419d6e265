"""Record the statements that reach the driver, and explain their plans."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Select, event
from sqlalchemy.ext.asyncio import AsyncConnection

Statement = tuple[str, Any]
"""SQL and its parameters."""


@contextmanager
def recorded_reads() -> Iterator[list[Statement]]:
    """Record what any database is asked to read, in order."""
    statements: list[Statement] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            statements.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def explained(connection: AsyncConnection, statement: Select[Any]) -> list[str]:
    """Return the lines of the plan by which the database would run `statement`."""
    written_out = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    return await plan_lines(connection, str(written_out))


async def plan_lines(connection: AsyncConnection, sql: str, parameters: Any = None) -> list[str]:
    """Return the lines of the plan of a statement as the driver gets it.

    PostgreSQL reads and sorts a small table whole whatever its indexes; it is asked what those could do for it.
    """
    if connection.dialect.name != "postgresql":
        plan_rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return [str(row[3]) for row in plan_rows]
    for way in ("seqscan", "bitmapscan", "sort"):
        await connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    return [str(line) for (line,) in await connection.exec_driver_sql(f"EXPLAIN {sql}", parameters)]
