"""The limits that both wires keep."""

import asyncio
from typing import Final

CONNECT_LIMIT: Final = 5.0
"""Seconds for connecting, the TLS handshake included. Who needs longer is down, and the slot is wanted."""
CONNECT_SHARE: Final = 0.8
"""Of a short deadline: the rest tells "cannot connect" from "does not answer" before it strikes."""
BODY_GRACE: Final = 1.0
"""Seconds that a response body may take after its head, which has decided the outcome already."""
MAX_ADDRESSES: Final = 3
"""Addresses of a name that one attempt tries in turn, while none of them takes the connection."""


def connecting_seconds(timeout: float, limit: float = CONNECT_LIMIT) -> float:
    """Return how many of an attempt's `timeout` seconds connecting may take."""
    return min(limit, timeout * CONNECT_SHARE)


def bring_forward(deadline: asyncio.Timeout, seconds: float) -> None:
    """Let `deadline` strike in `seconds`, unless it does so earlier anyway."""
    soon = asyncio.get_running_loop().time() + seconds
    when = deadline.when()
    if when is None or soon < when:
        deadline.reschedule(soon)
