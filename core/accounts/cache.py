"""What was found of credentials, believed for a few seconds, so that a request costs no query."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from breakwater.core.ports import Clock

T = TypeVar("T")


class Cache(Generic[T]):
    """Values by digest, each for `seconds`; at most `size` of them. What is not found is not remembered."""

    def __init__(self, clock: Clock, seconds: float, *, size: int = 10_000) -> None:
        self._clock = clock
        self._seconds = seconds
        self._size = size
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._changes = 0

    async def find(self, digest: str, load: Callable[[str], Awaitable[T | None]]) -> T | None:
        """Return what is known of `digest`, or what `load` finds."""
        known = self._known.get(digest)
        if known is not None and self._clock.now() < known[0]:
            return known[1]
        changes = self._changes
        found = await load(digest)
        # A credential that ended while it was being read must not come back for the next seconds.
        if found is not None and changes == self._changes:
            self._keep(digest, found)
        return found

    def forget(self, digest: str | None = None) -> None:
        """Forget what is known of `digest`, or of all."""
        self._changes += 1
        if digest is None:
            self._known.clear()
        else:
            self._known.pop(digest, None)

    def _keep(self, digest: str, value: T) -> None:
        self._known[digest] = (self._clock.now() + self._seconds, value)
        self._known.move_to_end(digest)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
