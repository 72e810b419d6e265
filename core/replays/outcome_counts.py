"""Count the outcomes of the deliveries that a replay has resent."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.states import DeliveryState
from breakwater.core.lru_map import LruMap
from breakwater.core.ports import Clock
from breakwater.core.store.schema import DELIVERIES, REPLAY_ITEMS

UNCACHED_COUNT_LIMIT: Final = 10_000
"""Up to this number of deliveries, the outcomes are counted for every request."""
_ROWS_PER_SECOND: Final = 50_000
"""Divides the size of a replay into the age at which its counts are taken again: 2 s for 100,000 deliveries."""
_CACHE_SIZE: Final = 64
"""Replays whose counts are cached."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The resent deliveries of a replay by state, at one time."""

    by_state: dict[DeliveryState, int]
    counted_at: float
    """Seconds since the epoch."""


class OutcomeCounts:
    """Counts outcomes; those of a large replay only every few seconds.

    A count reads the state of every delivery, because another resend changes it. An open page would otherwise repeat
    that at every update.
    """

    def __init__(self, clock: Clock, always_up_to: int = UNCACHED_COUNT_LIMIT) -> None:
        self._clock = clock
        self._always_up_to = always_up_to
        self._counted = LruMap[str, Outcomes](_CACHE_SIZE)

    async def get(self, connection: AsyncConnection, replay_id: str, resent: int) -> Outcomes:
        """Return the outcomes of the `resent` deliveries of a replay; those of a large replay may be cached."""
        now = self._clock.now()
        cached = self._counted.get(replay_id)
        if cached is not None and now - cached.counted_at < self._seconds_between_counts(resent):
            return cached
        counted = await connection.execute(outcomes_statement(replay_id))
        outcomes = Outcomes({DeliveryState(state): number for state, number in counted}, now)
        self._counted[replay_id] = outcomes
        return outcomes

    def _seconds_between_counts(self, resent: int) -> float:
        return 0.0 if resent <= self._always_up_to else resent / _ROWS_PER_SECOND


def outcomes_statement(replay_id: str) -> Select[str, int]:
    """Return the statement that counts the deliveries of a replay by state."""
    return (
        select(DELIVERIES.c.state, func.count())
        .join(REPLAY_ITEMS, REPLAY_ITEMS.c.delivery_id == DELIVERIES.c.id)
        .where(REPLAY_ITEMS.c.replay_id == replay_id)
        .group_by(DELIVERIES.c.state)
    )
