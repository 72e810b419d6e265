"""Limits on what a client may send before a credential is checked: size of the head, time, connections.

uvicorn reads heads of any size and waits for them without end. A caller without a credential could fill the memory
with header lines, or hold every connection open. Each limit closes a connection; none touches a request that has
arrived in full.
"""

import asyncio
import resource
from collections.abc import Iterable
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger("breakwater.serving")

MAX_HEAD_BYTES: Final = 64 * 1024
"""Bytes of request line and headers together; a larger head gets the response 431."""
HEAD_SECONDS: Final = 10.0
"""From the opening of a connection, or the first byte of a further request, to the end of the head."""
BODY_SECONDS: Final = 30.0
"""From the end of the head to the end of the body."""
MAX_CONNECTIONS: Final = 1_000
"""Open connections. One more closes the one that has waited longest for its client."""
SWEEP_SECONDS: Final = 1.0
"""Interval between two checks of the deadlines."""
_DESCRIPTORS_SHARE: Final = 4
"""Connections may use at most this fraction of the file descriptors: 1/4."""


class HeadTooLargeError(Exception):
    """The head of a request is larger than `MAX_HEAD_BYTES`."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with a limit on the head and a record of what it waits for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take uvicorn's arguments."""
        super().__init__(*args, **options)
        self.waits_since: float | None = self.loop.time()
        """Loop time since which the client owes bytes: a head or a body; None while it owes none."""
        self.reads_body = False
        self._in_head = False
        self._head_bytes = 0
        self._rejected = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        if len(self.connections) > max_connections():
            close_longest_waiting(self.connections, self)

    def data_received(self, data: bytes) -> None:
        if self._rejected:
            return
        if self.waits_since is None and not self._is_serving():
            self.waits_since = self.loop.time()  # the first byte of a further request on a kept connection
        super().data_received(data)
        if self._in_head:  # a line without an end reaches no callback
            self._count_head(len(data))
            if self._head_bytes > MAX_HEAD_BYTES and not self._rejected:
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        if self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLargeError
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLargeError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self.reads_body, self.waits_since = True, self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.reads_body, self.waits_since = False, None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Reject what is not HTTP with 400, and a head that is too large with 431."""
        self._rejected = True
        if self._head_bytes <= MAX_HEAD_BYTES:
            super().send_400_response(msg)
            return
        self._end_with(b"431 Request Header Fields Too Large", f"The limit is {MAX_HEAD_BYTES} bytes.")

    def close_overdue(self, now: float) -> bool:
        """Close the connection if its client owes a head or a body for too long; return whether it did."""
        limit = BODY_SECONDS if self.reads_body else HEAD_SECONDS
        if self.waits_since is None or now - self.waits_since < limit or self._waits_for_application():
            return False
        self.close_waiting()
        return True

    def close_waiting(self) -> None:
        """Close a connection whose client owes bytes, or that is idle; say 408 where a request had begun."""
        self._rejected = True
        if self.transport.is_closing():
            return
        if self._response_started() or (not self._in_head and not self.reads_body):
            self.transport.close()
        else:
            self._end_with(b"408 Request Timeout", "The request did not arrive in time.")

    def idle_since(self) -> float | None:
        """Return since when this connection waits for its client; None while a request is being served."""
        if self.waits_since is not None:
            return self.waits_since
        return None if self._is_serving() else 0.0

    def _count_head(self, count: int) -> None:
        self._head_bytes += count

    def _is_serving(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _response_started(self) -> bool:
        return self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete

    def _waits_for_application(self) -> bool:
        """Whether the body waits because the application has not read it yet: that is not the client's delay."""
        return self.reads_body and self.flow.read_paused

    def _end_with(self, status: bytes, text: str) -> None:
        content = text.encode()
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, len(content), content)
        )
        self.transport.close()


def max_connections() -> int:
    """Return how many connections may be open: `MAX_CONNECTIONS`, or a share of the file descriptors if less."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(16, min(MAX_CONNECTIONS, soft // _DESCRIPTORS_SHARE))


def close_longest_waiting(connections: Iterable[Any], newest: LimitedHttpProtocol) -> None:
    """Make room for `newest`: close an idle connection, else the one that has waited longest for its client.

    When every other connection is being served, the newest one is closed.
    """
    waiting = [
        (since, connection)
        for connection in connections
        if isinstance(connection, LimitedHttpProtocol)
        and connection is not newest
        and not connection.transport.is_closing()
        and (since := connection.idle_since()) is not None
    ]
    if waiting:
        _since, victim = min(waiting, key=lambda pair: pair[0])
        victim.close_waiting()
    else:
        newest.transport.close()


async def sweep(connections: Iterable[Any]) -> None:
    """Close overdue connections once per second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        closed = close_all_overdue(connections, loop.time())
        if closed:
            log.info("connections.overdue", closed=closed)


def close_all_overdue(connections: Iterable[Any], now: float) -> int:
    """Close every connection whose client is overdue at loop time `now`; return how many."""
    limited = [connection for connection in connections if isinstance(connection, LimitedHttpProtocol)]
    return sum(connection.close_overdue(now) for connection in limited)
