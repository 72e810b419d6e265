"""Local shortages: how long a lane waits after one, and whether the process has one now."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import structlog

from breakwater.core.delivery.change_feed import ChangeFeed
from breakwater.core.domain.shortage import Resource, shortage_text
from breakwater.core.domain.verdict import MAX_SHORTAGE_PAUSE, SHORTAGE_PAUSE
from breakwater.core.ports import Clock

log = structlog.get_logger("breakwater.delivery")

OVER_AFTER: Final = 2 * MAX_SHORTAGE_PAUSE
"""Seconds without a postponed attempt until a shortage is over. Longer than any pause: each lane has tried again."""


class ShortageBackoff:
    """The pauses and the concurrency of one lane after local shortages."""

    def __init__(self) -> None:
        self.limit: int | None = None
        """Concurrency while the lane recovers; None: unlimited."""
        self._pause = 0.0
        self._until = 0.0

    def until(self, now: float) -> float:
        """Return when an attempt that is prevented at `now` is due again. Shortages during a pause do not extend it."""
        if now < self._until:
            return self._until
        return now + min(MAX_SHORTAGE_PAUSE, max(SHORTAGE_PAUSE, 2 * self._pause))

    def on_shortage(self, now: float, until: float, in_flight: int) -> None:
        """Start the pause that ends at `until`, unless one runs."""
        if now >= self._until:
            self._pause = until - now
            self._until = until
            self.limit = max(1, in_flight // 2)

    def on_attempt(self, max_in_flight: int) -> None:
        """Allow one more attempt in flight, because one got what it needed."""
        self._pause = 0.0
        if self.limit is not None:
            self.limit = None if self.limit + 1 >= max_in_flight else self.limit + 1


class ShortageMonitor:
    """Counts the attempts that local shortages prevent, and says while one lasts."""

    def __init__(self, clock: Clock, change_feed: ChangeFeed) -> None:
        self._clock = clock
        self._change_feed = change_feed
        self._counts = Counter[Resource]()
        self._latest: Resource | None = None
        self._began_at = 0.0
        self._latest_at = 0.0

    @property
    def counts(self) -> Mapping[Resource, int]:
        """Return how many attempts were postponed since the start, by what ran out."""
        return dict(self._counts)

    def note(self, resource: Resource) -> None:
        """Take in that an attempt was postponed."""
        now = self._clock.now()
        began = self._latest is None
        changed = self._latest is not resource
        self._latest, self._latest_at = resource, now
        self._counts[resource] += 1
        if began:
            self._began_at = now
        if changed:
            log.warning("shortage.began", resource=resource.value, reason=shortage_text(resource))
            self._change_feed.publish("health", resource.value)

    def current(self) -> str | None:
        """Return what has run out, with the remedy; None when nothing has."""
        self.check()
        return None if self._latest is None else shortage_text(self._latest)

    def check(self) -> None:
        """End a shortage that prevented no attempt for a while."""
        if self._latest is None or self._clock.now() - self._latest_at < OVER_AFTER:
            return
        seconds = round(self._latest_at - self._began_at, 1)
        log.info(
            "shortage.ended", resource=self._latest.value, seconds=seconds, postponed=self._counts.total()
        )
        self._change_feed.publish("health", self._latest.value)
        self._latest = None
