"""A bounded set of origins whose members expire."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from breakwater.core.domain.target import Target
from breakwater.core.lru_map import LruMap

MAX_ORIGINS: Final = 4096
"""Members of one set. The one that was used longest ago is evicted first."""

_Origin = tuple[str, str, int]


class ExpiringOrigins:
    """Holds the origin of each added target for `seconds`."""

    def __init__(self, seconds: float, now: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._expires_at = LruMap[_Origin, float](MAX_ORIGINS)

    def add(self, target: Target) -> None:
        """Add the origin of `target`, or renew it."""
        self._expires_at[_origin(target)] = self._now() + self._seconds

    def __contains__(self, target: Target) -> bool:
        if not self._expires_at:
            return False
        expires_at = self._expires_at.get(_origin(target))
        if expires_at is not None and self._now() >= expires_at:
            self._expires_at.pop(_origin(target))
            return False
        return expires_at is not None


def _origin(target: Target) -> _Origin:
    return target.scheme, target.host, target.port
