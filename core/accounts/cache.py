"""Credentials that were found, trusted for a few seconds, so that a request costs no query."""

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from breakwater.core.lru_map import LruMap
from breakwater.core.ports import Clock

T = TypeVar("T")

_MAX_UNKNOWN: Final = 1_000


class CredentialCache(Generic[T]):
    """Values by digest, each for `seconds`; at most `size` of them.

    Unknown digests are cached too, so that a program with a revoked key costs no query per request. They are random, so
    one that is unknown does not become known. They have a map of their own: a flood of them evicts no valid credential.
    """

    def __init__(self, clock: Clock, seconds: float, *, size: int = 10_000) -> None:
        self._clock = clock
        self._seconds = seconds
        self._entries = LruMap[str, tuple[float, T]](size)
        self._unknown_until = LruMap[str, float](_MAX_UNKNOWN)
        self._changes = 0

    async def find(self, digest: str, load: Callable[[str], Awaitable[T | None]]) -> T | None:
        """Return the cached value of `digest`, or the one that `load` finds."""
        entry = self._entries.get(digest)
        if entry is not None and self._clock.now() < entry[0]:
            return entry[1]
        unknown_until = self._unknown_until.get(digest)
        if unknown_until is not None and self._clock.now() < unknown_until:
            return None
        changes = self._changes
        value = await load(digest)
        # A credential that ended while it was being read must not be cached for the next seconds.
        if value is None:
            self._unknown_until[digest] = self._clock.now() + self._seconds
        elif changes == self._changes:
            self._entries[digest] = (self._clock.now() + self._seconds, value)
        return value

    def forget(self, digest: str | None = None) -> None:
        """Forget the value of `digest`, or every value."""
        self._changes += 1
        if digest is None:
            self._entries.clear()
        else:
            self._entries.pop(digest)
