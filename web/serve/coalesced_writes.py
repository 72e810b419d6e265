"""Writes of one turn of the event loop, sent together.

uvicorn writes the head and the body of a response one after the other, and each write is a system call and often a
packet of its own. For a short response that costs more than everything else in sending it.
"""

import asyncio
from typing import Any, Final

MAX_PENDING_BYTES: Final = 16 * 1024
"""Bytes that wait for the end of the turn; with more, all are sent, so that the limits of the transport apply."""


class CoalescedWrites:
    """A transport that collects small writes until the end of the turn. Everything else goes to the transport."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` with the other writes of this turn, in their order."""
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes > MAX_PENDING_BYTES:
            self._flush()

    def close(self) -> None:
        """Send what was written, then close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close immediately, without what was written in this turn."""
        self._pending, self._pending_bytes = [], 0
        self._transport.abort()

    def is_closing(self) -> bool:
        """Return whether the transport is closing."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        if pending:
            self._transport.write(b"".join(pending))
