"""Retention of transitions, audit entries, replay items and ad-hoc endpoints."""

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.ids import floor_id
from breakwater.core.store.commands.deletion import delete_some
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import AUDIT, DELIVERIES, ENDPOINTS, REPLAY_ITEMS, REPLAYS, TRANSITIONS
from breakwater.core.store.writer import STEP_ROWS


class HistoryRetention:
    """Deletes old history in steps. Audit entries have their own retention."""

    def __init__(
        self, database: Database, on_deleted: Callable[[Sequence[str]], None] = lambda _ids: None
    ) -> None:
        """`on_deleted` is called with the ids of endpoints that were deleted."""
        self._database = database
        self._on_deleted = on_deleted

    async def prune(self, *, before: float, audit_before: float, now: float) -> None:
        """Delete history older than `before`, and audit entries older than `audit_before`."""
        for table, condition in (
            (TRANSITIONS, _superseded_transitions(before)),
            (REPLAY_ITEMS, _items_of_old_replays(before)),
            (AUDIT, AUDIT.c.id < floor_id("aud", audit_before)),
        ):
            step = partial(delete_some, table=table, condition=condition)
            await self._database.writer.run_in_steps(step)
        await self._delete_unused_adhoc(before, now)

    async def _delete_unused_adhoc(self, before: float, now: float) -> None:
        # Read outside the write transaction: most old ad-hoc endpoints are still in use.
        unused = select(ENDPOINTS.c.id).where(_is_unused_adhoc(before)).order_by(ENDPOINTS.c.id)
        async with self._database.read() as connection:
            ids = list((await connection.execute(unused)).scalars())
        for start in range(0, len(ids), STEP_ROWS):
            step = partial(_delete_adhoc, ids=ids[start : start + STEP_ROWS], before=before, now=now)
            await self._database.writer.run(step, on_commit=self._on_deleted)


async def _delete_adhoc(
    connection: AsyncConnection, *, ids: Sequence[str], before: float, now: float
) -> Sequence[str]:
    """Delete those of `ids` that are still unused, and return them."""
    deleted = await connection.execute(
        update(ENDPOINTS)
        .where(ENDPOINTS.c.id.in_(ids), _is_unused_adhoc(before))
        .values(deleted_at=now, updated_at=now, adhoc_key=None)
        .returning(ENDPOINTS.c.id)
    )
    return tuple(deleted.scalars())


def _superseded_transitions(before: float) -> ColumnElement[bool]:
    """Match old transitions except the latest of each circuit into each state: pages show the cause of a state."""
    later = TRANSITIONS.alias("later")
    return (TRANSITIONS.c.id < floor_id("ctr", before)) & exists().where(
        later.c.endpoint_id == TRANSITIONS.c.endpoint_id,
        later.c.to_state == TRANSITIONS.c.to_state,
        later.c.id > TRANSITIONS.c.id,
    )


def _items_of_old_replays(before: float) -> ColumnElement[bool]:
    return REPLAY_ITEMS.c.replay_id.in_(select(REPLAYS.c.id).where(REPLAYS.c.finished_at < before))


def _is_unused_adhoc(before: float) -> ColumnElement[bool]:
    return (
        ENDPOINTS.c.adhoc_key.is_not(None)
        & (ENDPOINTS.c.updated_at < before)
        & ~exists().where(DELIVERIES.c.endpoint_id == ENDPOINTS.c.id)
    )
