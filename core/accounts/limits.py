"""How often one source may try something, counted in memory."""

from collections import deque

from breakwater.core.lru_map import LruMap
from breakwater.core.ports import Clock


class Limit:
    """At most `tries` within `seconds` for each key. At most `size` keys are counted."""

    def __init__(self, clock: Clock, tries: int, seconds: float, *, size: int = 10_000) -> None:
        self._clock = clock
        self._tries = tries
        self._seconds = seconds
        self._times = LruMap[str, deque[float]](size)

    def wait(self, key: str) -> float:
        """Return the seconds until `key` may try again; 0 means now."""
        times = self._times.get(key)
        if times is None or len(times) < self._tries:
            return 0.0
        return max(0.0, times[0] + self._seconds - self._clock.now())

    def count(self, key: str) -> None:
        """Count one try of `key`."""
        times = self._times.get(key) or deque[float](maxlen=self._tries)
        times.append(self._clock.now())
        self._times[key] = times

    def forget(self, key: str) -> None:
        """Start again from none for `key`, after a success."""
        self._times.pop(key)
