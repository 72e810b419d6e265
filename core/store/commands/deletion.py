"""Deleting any number of rows in small steps."""

from sqlalchemy import ColumnElement, Table, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.store.writer import STEP_ROWS


async def delete_some(
    connection: AsyncConnection, *, table: Table, condition: ColumnElement[bool], limit: int = STEP_ROWS
) -> int:
    """Delete `limit` rows of `table` at most where `condition` holds, and return how many.

    A step for `GroupCommitWriter.run_in_steps`. An index must serve `condition`.
    """
    key = tuple_(*table.primary_key.columns)
    keys_to_delete = select(*table.primary_key.columns).where(condition).limit(limit)
    return int((await connection.execute(delete(table).where(key.in_(keys_to_delete)))).rowcount)
