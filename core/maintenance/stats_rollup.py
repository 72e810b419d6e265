"""Sum up the statistics of each half hour once it is over, for charts of a day and longer."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database, upsert
from breakwater.core.store.schema import ALL_ENDPOINTS, HALF_HOUR_STATS, MINUTE_STATS

HALF_HOUR: Final = 30
"""Minutes."""
_SECONDS: Final = HALF_HOUR * 60.0
_GRACE_SECONDS: Final = 120.0
"""Most results are written within this time. Later ones are found by `_half_hours_with_late_results`."""
_LATE_MINUTES: Final = 2 * 1440
"""How far back each round searches for late results. The first round searches everything."""
STEP_ENDPOINTS: Final = 50
"""Endpoints whose half hour one write sums up."""
_KEYS: Final = ("endpoint_id", "minute", "outcome", "latency_bucket")


class StatsRollup:
    """Sums up each half hour, and sums it up again when results were written later.

    A result counts in the minute in which its attempt finished. While the database is unavailable, results are
    written much later.
    """

    def __init__(
        self, database: Database, clock: Clock, *, on_late_results: Callable[[], None] = lambda: None
    ) -> None:
        """`on_late_results` is called when sums changed that readers may have cached."""
        self._database = database
        self._clock = clock
        self._on_late_results = on_late_results
        self._checked_all = False

    async def run(self) -> None:
        """Sum up every complete half hour, then each further one when it ends, until cancelled."""
        while True:
            await self.roll_up()
            await self._clock.sleep(_SECONDS - (self._clock.now() - _GRACE_SECONDS) % _SECONDS)

    async def roll_up(self) -> int:
        """Sum up complete half hours and those with late results; return how many."""
        changed = await self._half_hours_with_late_results()
        for first in changed:
            await self._sum_up(first)
        if changed:
            self._on_late_results()
        count = len(changed)
        while (first_new := await self._next_half_hour()) is not None:
            await self._sum_up(first_new)
            count += 1
        return count

    async def _sum_up(self, first: int) -> None:
        for endpoint_ids in await self._endpoint_chunks(first):
            await self._database.writer.run(partial(_sum_up, first=first, endpoint_ids=endpoint_ids))

    async def _half_hours_with_late_results(self) -> list[int]:
        """Return the half hours whose minutes have more attempts than their sums."""
        recent = int(self._clock.now() // 60) - _LATE_MINUTES
        since = recent - recent % HALF_HOUR if self._checked_all else 0
        async with self._database.read() as connection:
            end = await _end_of_summaries(connection)
            sums = dict(iter(await connection.execute(_sums_since(since))))
            # Retention deletes minutes before their sums, so minutes without a sum are late results.
            counts = await connection.execute(_counts_between(since, end))
            changed = [first for first, attempts in counts if attempts > sums.get(first, 0)]
        self._checked_all = True
        return changed

    async def _next_half_hour(self) -> int | None:
        """Return the first minute of the oldest complete half hour without a sum; None when all have one."""
        last_complete = int((self._clock.now() - _GRACE_SECONDS - _SECONDS) // 60)
        async with self._database.read() as connection:
            start = await _end_of_summaries(connection)
            oldest = select(func.min(MINUTE_STATS.c.minute)).where(
                MINUTE_STATS.c.endpoint_id == ALL_ENDPOINTS, MINUTE_STATS.c.minute >= start
            )
            minute: int | None = (await connection.execute(oldest)).scalar()
        if minute is None:
            return None
        first = minute - minute % HALF_HOUR
        return first if first <= last_complete else None

    async def _endpoint_chunks(self, first: int) -> list[list[str]]:
        """Return the endpoints with attempts in the half hour, in lists of `STEP_ENDPOINTS`, one write each.

        The row of all endpoints is written last: its presence marks the half hour as summed up.
        """
        counted = select(MINUTE_STATS.c.endpoint_id).where(_in_half_hour(first)).distinct()
        async with self._database.read() as connection:
            ids = sorted(set((await connection.execute(counted)).scalars()) - {ALL_ENDPOINTS})
        return [
            *(ids[at : at + STEP_ENDPOINTS] for at in range(0, len(ids), STEP_ENDPOINTS)),
            [ALL_ENDPOINTS],
        ]


def _sums_since(first: int) -> Select[int, int]:
    sums = HALF_HOUR_STATS.c
    return (
        select(sums.minute, func.sum(sums.attempts))
        .where(sums.endpoint_id == ALL_ENDPOINTS, sums.minute >= first)
        .group_by(sums.minute)
    )


def _counts_between(first: int, end: int) -> Select[int, int]:
    minutes = MINUTE_STATS.c
    half_hour = (minutes.minute - minutes.minute % HALF_HOUR).label("half_hour")
    return (
        select(half_hour, func.sum(minutes.attempts))
        .where(minutes.endpoint_id == ALL_ENDPOINTS, minutes.minute >= first, minutes.minute < end)
        .group_by("half_hour")
        .order_by("half_hour")
    )


def _in_half_hour(first: int) -> ColumnElement[bool]:
    return and_(MINUTE_STATS.c.minute >= first, MINUTE_STATS.c.minute < first + HALF_HOUR)


async def _end_of_summaries(connection: AsyncConnection) -> int:
    newest = select(func.max(HALF_HOUR_STATS.c.minute)).where(HALF_HOUR_STATS.c.endpoint_id == ALL_ENDPOINTS)
    minute: int | None = (await connection.execute(newest)).scalar()
    return 0 if minute is None else minute + HALF_HOUR


async def _sum_up(connection: AsyncConnection, *, first: int, endpoint_ids: Sequence[str]) -> None:
    minutes = MINUTE_STATS.c
    sums = (
        select(
            minutes.endpoint_id,
            literal(first).label("minute"),
            minutes.outcome,
            minutes.latency_bucket,
            func.sum(minutes.attempts),
        )
        .where(minutes.endpoint_id.in_(endpoint_ids), _in_half_hour(first))
        .group_by(minutes.endpoint_id, minutes.outcome, minutes.latency_bucket)
    )
    # Another node may have written the same sums.
    insert = upsert(connection, HALF_HOUR_STATS, _KEYS, replace=["attempts"])
    await connection.execute(insert.from_select([*_KEYS, "attempts"], sums))
