"""Retention: delete old data in steps short enough for other writes."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Row, Select, Table, delete, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.maintenance.history import HistoryRetention
from breakwater.core.maintenance.stored_headers import mask_stored_headers
from breakwater.core.ports import Clock
from breakwater.core.store.commands.deletion import delete_some
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import (
    ALL_ENDPOINTS,
    ATTEMPTS,
    DELIVERIES,
    HALF_HOUR_STATS,
    IDEMPOTENCY_KEYS,
    MESSAGES,
    MINUTE_STATS,
)
from breakwater.core.store.writer import STEP_ROWS

log = structlog.get_logger("breakwater.pruner")

ROUND_SECONDS: Final = 600.0
LARGE_STEP: Final = 86_400.0
"""Seconds. After a clock step of this size nothing is deleted for `PAUSE_AFTER_STEP`."""
PAUSE_AFTER_STEP: Final = 86_400.0
"""Seconds in which a person can notice and correct a wrong calendar."""
STEP_BYTES: Final = 4 * 1024 * 1024
"""Bytes of payload that one step deletes: the database visits every page of a large payload."""
STEP_ENDPOINTS: Final = 100
"""Endpoints whose statistics one step deletes."""


class RetentionJob:
    """Deletes final deliveries, their attempts, messages without deliveries, old statistics and expired keys."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        retention_days: float,
        audit_retention_days: float = 365.0,
        on_endpoints_deleted: Callable[[Sequence[str]], None] = lambda _ids: None,
        wait_until_endpoints_read: Callable[[Sequence[str]], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._writer = database.writer
        self._clock = clock
        self._retention = retention_days * 86_400.0
        self._audit_retention = audit_retention_days * 86_400.0
        self._history = (
            HistoryRetention(database, on_endpoints_deleted)
            if wait_until_endpoints_read is None
            else HistoryRetention(database, on_endpoints_deleted, wait_until_endpoints_read)
        )
        self._paused_until = float("-inf")

    async def run(self) -> None:
        """Prune every ten minutes, until cancelled."""
        while True:
            await mask_stored_headers(self._database)
            if self._clock.now() >= self._paused_until:
                await self.prune()
            began = self._clock.now()
            await self._clock.sleep(ROUND_SECONDS)
            self._note_step(self._clock.now() - began - ROUND_SECONDS)

    def _note_step(self, seconds: float) -> None:
        """Pause after a large step of the clock, so that a wrong calendar deletes nothing."""
        if seconds > LARGE_STEP:
            self._paused_until = self._clock.now() + PAUSE_AFTER_STEP
            log.warning("pruner.paused", seconds=PAUSE_AFTER_STEP, clock_stepped=round(seconds))

    async def prune(self) -> int:
        """Delete what is older than the retention; return the number of deleted deliveries."""
        before = self._clock.now() - self._retention
        pruned = await self._writer.run_in_steps(partial(_prune_deliveries, before=before))
        await self._prune_messages(before)
        await self._prune_keys()
        for stats in (MINUTE_STATS, HALF_HOUR_STATS):
            # Whole half hours, so that remaining minutes always belong to a complete half hour.
            await self._prune_stats(stats, int(before // 1800) * 30)
        now = self._clock.now()
        await self._history.prune(before=before, audit_before=now - self._audit_retention, now=now)
        if pruned:
            log.info("pruner.pruned", deliveries=pruned)
        return pruned

    async def _prune_messages(self, before: float) -> None:
        """Delete messages without deliveries.

        They are read outside the write transaction: the search is long when deliveries of old messages still wait.
        """
        after = (0.0, "")
        while rows := await self._unused_messages(before, after):
            after = (rows[-1].created_at, rows[-1].id)
            for ids in _chunks([(row.id, row.size) for row in rows], STEP_BYTES):
                await self._writer.run(partial(_delete, table=MESSAGES, condition=_are_unused(ids)))

    async def _unused_messages(self, before: float, after: tuple[float, str]) -> Sequence[Row[Any]]:
        async with self._database.read() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(_unused_messages(before, after))).all()
            return rows

    async def _prune_keys(self) -> None:
        expired = IDEMPOTENCY_KEYS.c.expires_at <= self._clock.now()
        await self._writer.run_in_steps(partial(delete_some, table=IDEMPOTENCY_KEYS, condition=expired))

    async def _prune_stats(self, stats: Table, minute: int) -> None:
        """Delete the statistics before `minute`, some endpoints at a time.

        The row of all endpoints is deleted last: its presence tells the next round that others may remain.
        """
        async with self._database.read() as connection:
            oldest = select(func.min(stats.c.minute)).where(stats.c.endpoint_id == ALL_ENDPOINTS)
            first: int | None = (await connection.execute(oldest)).scalar()
            if first is None or first >= minute:
                return
            ids_statement = select(stats.c.endpoint_id).where(stats.c.minute < minute).distinct()
            endpoint_ids = set((await connection.execute(ids_statement)).scalars())
        others = [(endpoint_id, 1) for endpoint_id in sorted(endpoint_ids - {ALL_ENDPOINTS})]
        for ids in (*_chunks(others, STEP_ENDPOINTS), [ALL_ENDPOINTS]):
            condition = stats.c.endpoint_id.in_(ids) & (stats.c.minute < minute)
            await self._writer.run_in_steps(partial(delete_some, table=stats, condition=condition))


async def _prune_deliveries(connection: AsyncConnection, *, before: float) -> int:
    """Delete the oldest final deliveries with their attempts: as many as `STEP_ROWS` rows, or one."""
    # Only final deliveries have `finished_at`. A condition on the state would make SQLite use the index of states.
    finished_at = DELIVERIES.c.finished_at
    oldest = (
        select(DELIVERIES.c.id, DELIVERIES.c.attempt_count).where(finished_at < before).order_by(finished_at)
    )
    # Locked, so that a delivery that is being resent on another node is not deleted.
    locked = oldest.limit(STEP_ROWS).with_for_update(skip_locked=True)
    rows = [(id_, 1 + attempts) for id_, attempts in await connection.execute(locked)]
    if not rows:
        return 0
    ids = next(_chunks(rows, STEP_ROWS))
    await _delete(connection, table=ATTEMPTS, condition=ATTEMPTS.c.delivery_id.in_(ids))
    return await _delete(connection, table=DELIVERIES, condition=DELIVERIES.c.id.in_(ids))


def _unused_messages(before: float, after: tuple[float, str]) -> Select[Any]:
    created_at, used = MESSAGES.c.created_at, exists().where(DELIVERIES.c.message_id == MESSAGES.c.id)
    return (
        select(MESSAGES.c.id, created_at, func.length(MESSAGES.c.payload).label("size"))
        .where(created_at < before, created_at >= after[0], tuple_(created_at, MESSAGES.c.id) > after, ~used)
        .order_by(created_at, MESSAGES.c.id)
        .limit(STEP_ROWS)
    )


def _are_unused(message_ids: Sequence[str]) -> ColumnElement[bool]:
    return MESSAGES.c.id.in_(message_ids) & ~exists().where(DELIVERIES.c.message_id == MESSAGES.c.id)


def _chunks(rows: Sequence[tuple[str, int]], limit: int) -> Iterator[list[str]]:
    """Split (id, size) pairs into lists of ids whose sizes add up to `limit` at most; a larger one is alone."""
    ids: list[str] = []
    total = 0
    for id_, size in rows:
        if ids and total + size > limit:
            yield ids
            ids, total = [], 0
        ids.append(id_)
        total += size
    if ids:
        yield ids


async def _delete(connection: AsyncConnection, *, table: Table, condition: ColumnElement[bool]) -> int:
    return int((await connection.execute(delete(table).where(condition))).rowcount)
