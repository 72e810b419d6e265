"""How often a source may try something, counted in memory."""

from collections import deque
from typing import Final

from breakwater.core.accounts.sources import source_of
from breakwater.core.domain.errors import TooManyAttempts
from breakwater.core.lru_map import LruMap
from breakwater.core.ports import Clock

_TRIES_PER_NAME: Final = 10
_TRIES_PER_SOURCE: Final = 50
"""More than for a name, because an office may share one address. A name has no limit over all sources: an attacker
could lock its person out."""
_WITHIN_SECONDS: Final = 300.0


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

    def uncount(self, key: str) -> None:
        """Remove the latest try of `key`, and no other."""
        times = self._times.get(key)
        if times:
            times.pop()

    def forget(self, key: str) -> None:
        """Remove every try of `key`."""
        self._times.pop(key)


class SignInLimits:
    """Limits failed sign-ins of a source, and of a source for one name."""

    def __init__(self, clock: Clock) -> None:
        self._by_source = Limit(clock, _TRIES_PER_SOURCE, _WITHIN_SECONDS)
        self._by_name = Limit(clock, _TRIES_PER_NAME, _WITHIN_SECONDS)

    def count(self, address: str, name: str | None) -> None:
        """Count a try before it is checked, so that concurrent tries are limited too. Raises TooManyAttempts.

        None is a name that no person can have: it counts for the source alone and is not stored.
        """
        source = source_of(address)
        waits = [self._by_source.wait(source)]
        if name is not None:
            waits.append(self._by_name.wait(_pair(source, name)))
        if (wait := max(waits)) > 0:
            raise TooManyAttempts(wait)
        self._by_source.count(source)
        if name is not None:
            self._by_name.count(_pair(source, name))

    def on_success(self, address: str, name: str) -> None:
        """Remove the tries of this name. Of the source only this try: somebody who guesses may have an account too."""
        source = source_of(address)
        self._by_source.uncount(source)
        self._by_name.forget(_pair(source, name))


def _pair(source: str, name: str) -> str:
    return f"{source} {name}"
