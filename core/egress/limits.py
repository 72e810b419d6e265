"""Limits of both senders."""

import asyncio
from typing import Final

CONNECT_LIMIT: Final = 5.0
"""Seconds for connecting, including the TLS handshake. A receiver that needs longer holds a slot for nothing."""
CONNECT_SHARE: Final = 0.8
"""Share of a short deadline for connecting, so that "cannot connect" and "does not respond" stay distinguishable."""
BODY_GRACE: Final = 1.0
"""Seconds that a response body may take after its head, which has already decided the outcome."""
MAX_ADDRESSES: Final = 3
"""Addresses of a host that one attempt tries in turn until one accepts the connection."""


def connect_timeout(timeout: float, limit: float = CONNECT_LIMIT) -> float:
    """Return how many of an attempt's `timeout` seconds connecting may take."""
    return min(limit, timeout * CONNECT_SHARE)


def raise_if_cancelled() -> None:
    """Raise CancelledError when the current task has a pending cancellation that the last await did not raise.

    pyreqwest returns its result instead when the result and the cancellation arrive together. Without this check the
    deadline of the attempt would be lost.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def shorten_deadline(deadline: asyncio.Timeout, seconds: float) -> None:
    """Make `deadline` expire in `seconds`, unless it expires earlier anyway."""
    soon = asyncio.get_running_loop().time() + seconds
    when = deadline.when()
    if when is None or soon < when:
        deadline.reschedule(soon)
