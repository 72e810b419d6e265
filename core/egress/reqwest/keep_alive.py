"""Origins whose connections are closed after each request, because a recent response was not a success.

HTTP/1.1 matches responses to requests by their order alone. On a persistent connection, bytes that a receiver sends
after its response are the response to the next request. The dangerous case is a failure followed by a stray success.
So after a failure no connection is reused, and nothing that follows the response can be taken for another response.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

from breakwater.core.domain.target import Target
from breakwater.core.egress.reqwest.origins import ExpiringOrigins

CLOSE_AFTER_USE_SECONDS: Final = 60.0
"""How long after such a response: longer than any late response, and short for a receiver that has recovered."""


class KeepAlivePolicy:
    """Decides from the latest responses of an origin whether its connections are reused."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._failed = ExpiringOrigins(CLOSE_AFTER_USE_SECONDS, now)

    def on_response(self, target: Target, status: int) -> None:
        """Take in a response. It counts for the whole origin, because endpoints of one origin share connections."""
        if not 200 <= status < 300:  # noqa: PLR2004 -- the class of success
            self._failed.add(target)

    def closes_after_use(self, target: Target) -> bool:
        """Return whether a connection to this target serves one request only."""
        return target in self._failed
