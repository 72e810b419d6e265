"""Retention of transitions, audit entries, replay items and ad-hoc endpoints."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.ids import floor_id
from breakwater.core.store.commands.deletion import delete_some
from breakwater.core.store.commands.pending import PRUNED_PREFIX, was_pruned
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import AUDIT, DELIVERIES, ENDPOINTS, REPLAY_ITEMS, REPLAYS, TRANSITIONS
from breakwater.core.store.writer import STEP_ROWS

log = structlog.get_logger("breakwater.pruner")


async def _no_wait(_ids: Sequence[str]) -> None:
    pass


class HistoryRetention:
    """Deletes old history in steps. Audit entries have their own retention."""

    def __init__(
        self,
        database: Database,
        on_changed: Callable[[Sequence[str]], None] = lambda _ids: None,
        wait_until_read: Callable[[Sequence[str]], Awaitable[None]] = _no_wait,
    ) -> None:
        """`on_changed` is called with the ids of endpoints that were deleted or restored.

        `wait_until_read` returns once this process no longer accepts messages for these endpoints.
        """
        self._database = database
        self._on_changed = on_changed
        self._wait_until_read = wait_until_read

    async def prune(self, *, before: float, audit_before: float, now: float) -> None:
        """Delete history older than `before`, and audit entries older than `audit_before`."""
        await self._restore_used(now)  # of a round that was interrupted
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
            deleted = await self._database.writer.run(step, on_commit=self._announce)
            if deleted:
                await self._wait_until_read(deleted)
                # A message that found one of them before is submitted by now, and the next write comes after it.
                await self._database.writer.run(_do_nothing)
                await self._restore_used(now)

    def _announce(self, ids: Sequence[str]) -> None:
        if ids:
            self._on_changed(ids)

    async def _restore_used(self, now: float) -> None:
        """Restore endpoints that got a message around their deletion, because it would be cancelled."""
        step = partial(_restore_adhoc, now=now)
        restored = await self._database.writer.run(step, on_commit=self._announce)
        if restored:
            log.info("pruner.endpoints_restored", endpoints=len(restored))


async def _delete_adhoc(
    connection: AsyncConnection, *, ids: Sequence[str], before: float, now: float
) -> Sequence[str]:
    """Delete those of `ids` that are still unused, and return them.

    The key marks them: a delivery that one of them gets after all is not cancelled, it restores the endpoint.
    """
    deleted = await connection.execute(
        update(ENDPOINTS)
        .where(ENDPOINTS.c.id.in_(ids), _is_unused_adhoc(before))
        .values(deleted_at=now, updated_at=now, adhoc_key=PRUNED_PREFIX + ENDPOINTS.c.id)
        .returning(ENDPOINTS.c.id)
    )
    return tuple(deleted.scalars())


async def _restore_adhoc(connection: AsyncConnection, *, now: float) -> Sequence[str]:
    """Restore pruned endpoints that have deliveries, and return them. Their URL may have another endpoint already."""
    restored = await connection.execute(
        update(ENDPOINTS)
        .where(was_pruned(), exists().where(DELIVERIES.c.endpoint_id == ENDPOINTS.c.id))
        .values(deleted_at=None, updated_at=now, adhoc_key="restored:" + ENDPOINTS.c.id)
        .returning(ENDPOINTS.c.id)
    )
    return tuple(restored.scalars())


async def _do_nothing(_connection: AsyncConnection) -> None:
    pass


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
