"""How many rows each transaction of a writer changes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.store.engine import Database


@contextmanager
def write_sizes(database: Database) -> Iterator[list[int]]:
    """Record the number of rows that each write transaction changes, in order; cascades are not counted."""
    sizes: list[int] = []
    writer = database.writer
    transaction = writer._transaction

    @asynccontextmanager
    async def counted() -> AsyncIterator[AsyncConnection]:
        sizes.append(0)
        async with transaction() as connection:
            yield connection

    def count(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            sizes[-1] += max(0, cursor.rowcount)

    writer._transaction = counted
    event.listen(Engine, "after_cursor_execute", count)
    try:
        yield sizes
    finally:
        event.remove(Engine, "after_cursor_execute", count)
        writer._transaction = transaction
