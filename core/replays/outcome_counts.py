"""The outcomes of the deliveries that a replay has resent."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.states import DeliveryState
from breakwater.core.lru_map import LruMap
from breakwater.core.ports import Clock
from breakwater.core.store.schema import DELIVERIES, REPLAY_ITEMS

ALWAYS_COUNTED: Final = 10_000
"""Up to this number of deliveries, the outcomes are counted for every request."""
_COUNTED_A_SECOND: Final = 50_000
"""So many more are worth a second of waiting: what 100,000 have come to is 2 s old at most, of a million 20 s."""
_KEPT: Final = 64
"""Replays whose count is remembered."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many of what was resent stood how, at one moment."""

    by_state: dict[DeliveryState, int]
    counted_at: float
    """Seconds since the epoch."""


class OutcomeCounts:
    """Counts outcomes, those of a large replay only every few seconds.

    Each delivery's state is looked up, because another resend changes the outcome; a page that is
    watched while 100,000 go out would spend 60 ms on that at every update.
    """

    def __init__(self, clock: Clock, always_up_to: int = ALWAYS_COUNTED) -> None:
        self._clock = clock
        self._always_up_to = always_up_to
        self._counted = LruMap[str, Outcomes](_KEPT)

    async def of(self, connection: AsyncConnection, replay_id: str, resent: int) -> Outcomes:
        """Return how the `resent` deliveries of a replay stand now, or stood when they were last counted."""
        now = self._clock.now()
        known = self._counted.get(replay_id)
        if known is not None and now - known.counted_at < self._seconds_between_counts(resent):
            return known
        counted = await connection.execute(outcomes_statement(replay_id))
        outcomes = Outcomes({DeliveryState(state): number for state, number in counted}, now)
        self._counted[replay_id] = outcomes
        return outcomes

    def _seconds_between_counts(self, resent: int) -> float:
        return 0.0 if resent <= self._always_up_to else resent / _COUNTED_A_SECOND


def outcomes_statement(replay_id: str) -> Select[str, int]:
    """Return the statement that counts the deliveries of a replay by state."""
    return (
        select(DELIVERIES.c.state, func.count())
        .join(REPLAY_ITEMS, REPLAY_ITEMS.c.delivery_id == DELIVERIES.c.id)
        .where(REPLAY_ITEMS.c.replay_id == replay_id)
        .group_by(DELIVERIES.c.state)
    )
