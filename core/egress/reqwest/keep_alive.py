"""Origins whose connections are closed after each request, because a recent response was not a success.

HTTP/1.1 matches responses to requests by their order alone. On a kept connection, bytes that a receiver sends after
its response are the response to the next request. The dangerous case is a failure followed by a stray success. So
after a failure no connection is kept, and whatever follows the response meets no request.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

from breakwater.core.domain.target import Target

CLOSE_AFTER_USE_SECONDS: Final = 60.0
"""How long after such a response: longer than any late response, and short for a receiver that has recovered."""
_MAX_ORIGINS: Final = 4096
"""Origins that are remembered. The one that failed longest ago is evicted first."""

_Origin = tuple[str, str, int]


class KeepAlivePolicy:
    """Decides from the latest responses of an origin whether its connections are kept."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._close_until: OrderedDict[_Origin, float] = OrderedDict()

    def on_response(self, target: Target, status: int) -> None:
        """Take in a response. It counts for the whole origin, because endpoints of one origin share connections."""
        if 200 <= status < 300:  # noqa: PLR2004 -- the class of success
            return
        self._close_until[_origin(target)] = self._now() + CLOSE_AFTER_USE_SECONDS
        self._close_until.move_to_end(_origin(target))
        if len(self._close_until) > _MAX_ORIGINS:
            self._close_until.popitem(last=False)

    def closes_after_use(self, target: Target) -> bool:
        """Return whether a connection to this target serves one request only."""
        if not self._close_until:
            return False
        until = self._close_until.get(_origin(target))
        if until is not None and self._now() >= until:
            del self._close_until[_origin(target)]
            return False
        return until is not None


def _origin(target: Target) -> _Origin:
    return target.scheme, target.host, target.port
