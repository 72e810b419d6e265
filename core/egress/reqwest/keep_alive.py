"""Origins whose connections are used once, because their latest answers were no successes.

HTTP/1.1 matches answers to requests by their order alone: bytes that a receiver sends after its answer are, on a kept
connection and from the moment the next request goes out, the answer to that. What is at stake is a failure followed
by a stray success. So a failure ends the keeping: whatever follows it finds no request to answer.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

from breakwater.core.domain.target import Target

DISTRUST_SECONDS: Final = 60.0
"""How long after such an answer: far beyond any answer that is late, and short for whoever recovers."""
_MOST: Final = 4096
"""Origins that are remembered; the one that failed longest ago is forgotten first."""

_Origin = tuple[str, str, int]


class KeepAlivePolicy:
    """Remembers who answered with something else than success, and since when."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._until: OrderedDict[_Origin, float] = OrderedDict()

    def on_response(self, target: Target, status: int) -> None:
        """Note an answer of this target's origin: of the whole origin, for its endpoints share connections."""
        if 200 <= status < 300:  # noqa: PLR2004 -- the class of success
            return
        self._until[_origin(target)] = self._now() + DISTRUST_SECONDS
        self._until.move_to_end(_origin(target))
        if len(self._until) > _MOST:
            self._until.popitem(last=False)

    def of(self, target: Target) -> bool:
        """Return whether a connection to this target is to be used once."""
        if not self._until:
            return False
        until = self._until.get(_origin(target))
        if until is not None and self._now() >= until:
            del self._until[_origin(target)]
            return False
        return until is not None


def _origin(target: Target) -> _Origin:
    return target.scheme, target.host, target.port
