"""Mask the header values that attempts of an older version contain in clear."""

from functools import partial
from typing import Any

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ATTEMPTS, ENDPOINTS
from breakwater.core.store.writer import STEP_ROWS
from breakwater.core.text.credentials import mask_request_headers, public_names


async def mask_stored_headers(database: Database) -> int:
    """Mask the attempts of every endpoint that a migration marked, in steps; return how many were read.

    The marks are removed at the end, so that this is done once. It goes on where an earlier process stopped.
    """
    async with database.read() as connection:
        marked = select(ENDPOINTS.c.id).where(ENDPOINTS.c.mask_attempts_after.is_not(None))
        endpoint_ids = list((await connection.execute(marked)).scalars())
    return sum(
        [
            await database.writer.run_in_steps(partial(_mask_some, endpoint_id=endpoint_id))
            for endpoint_id in endpoint_ids
        ]
    )


async def _mask_some(connection: AsyncConnection, *, endpoint_id: str) -> int:
    """Mask the next attempts of an endpoint and move its mark; return how many were read."""
    columns = (ENDPOINTS.c.headers, ENDPOINTS.c.mask_attempts_after)
    statement = select(*columns).where(ENDPOINTS.c.id == endpoint_id)
    endpoint = (await connection.execute(statement)).mappings().one_or_none()
    if endpoint is None or endpoint["mask_attempts_after"] is None:
        return 0
    rows = (await connection.execute(_next_attempts(endpoint_id, endpoint["mask_attempts_after"]))).all()
    public = public_names(endpoint["headers"])
    changes: list[dict[str, Any]] = []
    for attempt_id, headers in rows:
        masked = [list(header) for header in mask_request_headers(headers, public)]
        if masked != headers:
            changes.append({"attempt_id": attempt_id, "masked": masked})
    if changes:
        change = update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("attempt_id"))
        await connection.execute(change.values(request_headers=bindparam("masked")), changes)
    mark = rows[-1][0] if rows else None
    move_mark = update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id)
    await connection.execute(move_mark.values(mask_attempts_after=mark))
    return len(rows)


def _next_attempts(endpoint_id: str, after: str) -> Select[str, Any]:
    return (
        select(ATTEMPTS.c.id, ATTEMPTS.c.request_headers)
        .where(ATTEMPTS.c.endpoint_id == endpoint_id, ATTEMPTS.c.id > after)
        .order_by(ATTEMPTS.c.id)
        .limit(STEP_ROWS)
    )
