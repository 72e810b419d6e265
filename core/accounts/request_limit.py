"""How many requests one caller may send: a token bucket for each."""

from math import ceil
from typing import Final, NamedTuple

from breakwater.core.domain.errors import RateLimited
from breakwater.core.lru_map import LruMap
from breakwater.core.ports import Clock

WINDOW_SECONDS: Final = 10
"""A bucket holds the tokens of this time, so that a caller can send a burst."""


class Allowance(NamedTuple):
    """What a caller has left after a request."""

    allowed: bool
    remaining: int
    """Requests that the caller can send now."""
    full_in: float
    """Seconds until the bucket is full."""


class RequestLimit:
    """At most `per_second` requests of each caller, and `quota` in a burst. At most `size` callers are counted."""

    def __init__(self, clock: Clock, per_second: float, *, largest: int = 1, size: int = 10_000) -> None:
        """`largest` is the maximum count of one request."""
        self.quota = max(1, int(per_second * WINDOW_SECONDS))
        self._clock = clock
        self._per_second = per_second
        self._interval = 1 / per_second
        self._capacity = self.quota * self._interval
        self._most_used = self._capacity + largest * self._interval
        self._started_at = clock.now()
        """Times are counted from here: small floats are exact enough to add thousands of them."""
        self._full_at = LruMap[str, float](size)

    def take(self, caller: str, count: int = 1) -> Allowance:
        """Take `count` tokens of `caller` if one is left. A larger count leaves a debt, which later requests wait for.

        The bucket is stored as the time at which it is full again.
        """
        now = self._clock.now() - self._started_at
        used = max((self._full_at.get(caller) or 0.0) - now, 0.0)
        if used > self._most_used:  # the clock was set back
            used = self._most_used
            self._full_at[caller] = now + used
        allowed = used <= self._capacity - self._interval + _ROUNDING
        if allowed:
            used += count * self._interval
            self._full_at[caller] = now + used
        remaining = max(0, int((self._capacity - used + _ROUNDING) / self._interval))
        return Allowance(allowed, remaining, used)

    def refusal(self, allowance: Allowance) -> RateLimited:
        """Return the error for a request that was not allowed."""
        wait = allowance.full_in - self._capacity + self._interval
        message = (
            f"Too many requests: the limit is {self._per_second:g} per second and {self.quota:,} in a burst. "
        )
        seconds = max(1, ceil(wait))
        return RateLimited(
            f"{message}Try again in {seconds} {'second' if seconds == 1 else 'seconds'}.", wait
        )


_ROUNDING: Final = 1e-6
"""Seconds. Times since the epoch are floats, and a token that is due must not be missed by their rounding."""
