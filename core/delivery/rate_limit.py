"""The rate limit of one lane: a token bucket."""

import math
from typing import Final

_TOKEN_ROUNDING: Final = 1e-6
"""Part of a token that sums of floats may miss."""
_TIME_ROUNDING: Final = 2.5e-7
"""Seconds. Times since the epoch are floats with this resolution, and a due token must not be missed by it."""


class RateLimit:
    """A token bucket that holds one second's worth of tokens, and at least one."""

    def __init__(self, per_second: float | None) -> None:
        """Start full; None means no limit."""
        self._per_second = per_second
        self._tokens = max(1.0, per_second) if per_second is not None else 0.0
        self._filled_at = 0.0

    def available(self, now: float) -> int | None:
        """Return how many attempts may start now; None means no limit."""
        if self._per_second is None:
            return None
        added = max(0.0, now - self._filled_at) * self._per_second
        self._tokens = min(max(1.0, self._per_second), self._tokens + added)
        self._filled_at = now
        return int(self._tokens + max(_TOKEN_ROUNDING, _TIME_ROUNDING * self._per_second))

    def take(self, count: int) -> None:
        """Take tokens that `available` returned."""
        if self._per_second is not None:
            self._tokens -= count

    def next_at(self, now: float) -> float:
        """Return when the next token is available: later than `now`, after `available` returned none."""
        if self._per_second is None:
            return now
        at = now + max(0.0, 1.0 - self._tokens) / self._per_second
        return max(at, math.nextafter(now, math.inf))
