"""How often something may be tried by one source, counted in memory."""

from collections import OrderedDict, deque

from breakwater.core.ports import Clock


class Limit:
    """At most `tries` within `seconds` for each key; the sources that are remembered are bounded."""

    def __init__(self, clock: Clock, tries: int, seconds: float, *, remembered: int = 10_000) -> None:
        self._clock = clock
        self._tries = tries
        self._seconds = seconds
        self._remembered = remembered
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Return the seconds until `key` may try again; 0 means now."""
        times = self._times.get(key)
        if times is None or len(times) < self._tries:
            return 0.0
        return max(0.0, times[0] + self._seconds - self._clock.now())

    def count(self, key: str) -> None:
        """Note one try by `key`."""
        times = self._times.setdefault(key, deque(maxlen=self._tries))
        times.append(self._clock.now())
        self._times.move_to_end(key)
        while len(self._times) > self._remembered:
            self._times.popitem(last=False)

    def forget(self, key: str) -> None:
        """Begin anew for `key`, after a success."""
        self._times.pop(key, None)
