"""Limits on what a client may send before a credential is checked: size of the head, time, connections.

uvicorn reads heads of any size and waits for them without end. A caller without a credential could fill the memory
with header lines, or hold every connection open. Each limit closes a connection; none touches a request that has
arrived in full.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from breakwater.core.domain.descriptors import api_connections
from breakwater.web.serve.coalesced_writes import CoalescedWrites
from breakwater.web.serve.descriptors import descriptor_limit

log = structlog.get_logger("breakwater.serving")

MAX_HEADERS: Final = 200
"""Header lines of a request; more are answered with 431. Each costs time, however short it is."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""Bytes of request line and headers together; more is answered with 431."""
HEAD_SECONDS: Final = 10.0
"""From the opening of a connection, or the first byte of a further request, to the end of the head."""
BODY_SECONDS: Final = 30.0
"""For a body, in addition to the time that its bytes take at `MIN_BYTES_PER_SECOND`."""
MIN_BYTES_PER_SECOND: Final = 8 * 1024
"""A body that arrives faster is never cut off."""
WRITE_SECONDS: Final = 30.0
"""A client that reads nothing of its response for this long is disconnected."""
CLOSE_SECONDS: Final = 5.0
"""For the last bytes of a closed connection to reach the client."""
SWEEP_SECONDS: Final = 1.0
"""Between two checks of the deadlines."""
_HEADER_OVERHEAD: Final = 4
"""Colon, space and line end of a header line."""


class HeadTooLargeError(Exception):
    """The head of a request has more than `MAX_HEAD_BYTES` or `MAX_HEADERS`."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with a limit on the head and a record of what it waits for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take uvicorn's arguments."""
        super().__init__(*args, **options)
        self.waits_since: float | None = self.loop.time()
        """Loop time since which the client owes bytes: a head or a body; None while it owes none."""
        self.reads_body = False
        self._body_bytes = 0
        self._in_head = False
        self._heads = 0
        self._head_bytes = 0
        self._head_lines = 0
        self._unparsed_bytes = 0
        """Bytes of an unfinished head that arrived after its first chunk: a line that never ends is in no callback."""
        self._rejected = False
        self._stalled_since: float | None = None
        self._closing_since: float | None = None
        self._idle_from = self.loop.time()

    # --- what arrives

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(cast("asyncio.Transport", CoalescedWrites(transport, self.loop)))
        if len(self.connections) > max_connections():
            close_longest_waiting(self.connections, self)

    def data_received(self, data: bytes) -> None:
        if self._rejected:
            return
        if self.waits_since is None and not self._is_serving():
            self.waits_since = self.loop.time()  # the first byte of a further request on a kept connection
        heads = self._heads
        super().data_received(data)
        if self._in_head and self._heads == heads:
            self._unparsed_bytes += len(data)
            if max(self._unparsed_bytes, self._head_bytes) > MAX_HEAD_BYTES and not self._rejected:
                self._head_bytes = MAX_HEAD_BYTES + 1
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._heads += 1
        self._in_head, self._head_bytes, self._head_lines, self._unparsed_bytes = True, 0, 0, 0

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_lines += 1
        self._count_head(len(name) + len(value) + _HEADER_OVERHEAD)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self.reads_body, self._body_bytes, self.waits_since = True, 0, self.loop.time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.reads_body, self.waits_since = False, None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._idle_from = self.loop.time()
        if self._in_head:
            self.waits_since = self._idle_from
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Reject what is not HTTP with 400, and a head that is too large with 431.

        While an earlier request is being served, only its response is sent before the connection closes.
        """
        self._rejected = True
        if self._is_serving():
            self.cycle.keep_alive = False
        elif self._head_bytes <= MAX_HEAD_BYTES:
            super().send_400_response(msg)
        else:
            self._end_with(
                b"431 Request Header Fields Too Large",
                f"The limit is {MAX_HEADERS} headers and {MAX_HEAD_BYTES} bytes.",
            )

    # --- deadlines

    def close_overdue(self, now: float) -> bool:
        """Close the connection if its client is overdue at loop time `now`; return whether it did."""
        if self.transport.is_closing():
            return self._abort_unless_closed(now)
        if self._stalled_since is not None and now - self._stalled_since > WRITE_SECONDS:
            self.transport.abort()
            return True
        if self.waits_since is None:
            return False
        if self._waits_for_application():
            self.waits_since = now
            return False
        allowed = BODY_SECONDS + self._body_bytes / MIN_BYTES_PER_SECOND if self.reads_body else HEAD_SECONDS
        if now - self.waits_since < allowed:
            return False
        self.close_waiting()
        return True

    def close_waiting(self) -> None:
        """Close a connection whose client owes bytes, or that is idle; say 408 where a request had begun."""
        self._rejected = True
        if self.transport.is_closing():
            return
        if self._stalled_since is not None:
            self.transport.abort()
        elif self._response_started() or (not self._in_head and not self.reads_body):
            self.transport.close()
        else:
            self._end_with(b"408 Request Timeout", "The request did not arrive in time.")

    def refuse(self) -> None:
        """Close a new connection for which there is no room."""
        self._rejected = True
        self._end_with(b"503 Service Unavailable\r\nretry-after: 1", "Too many connections. Try again.")

    def idle_since(self) -> float | None:
        """Return since when this connection waits for its client; None while a request is being served."""
        if self._stalled_since is not None:
            return self._stalled_since
        if self.waits_since is not None:
            return self.waits_since
        return None if self._is_serving() else self._idle_from

    def _abort_unless_closed(self, now: float) -> bool:
        if self._closing_since is None:
            self._closing_since = now
            return False
        if now - self._closing_since <= CLOSE_SECONDS:
            return False
        self.transport.abort()
        return True

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_lines > MAX_HEADERS:
            self._head_bytes = max(self._head_bytes, MAX_HEAD_BYTES + 1)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLargeError

    def _is_serving(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _response_started(self) -> bool:
        return self._is_serving() and self.cycle.response_started

    def _waits_for_application(self) -> bool:
        """Whether the body waits because the application has not asked for it: that is not the client's delay."""
        return self.reads_body and (self.flow.read_paused or self.cycle.waiting_for_100_continue)

    def _end_with(self, status: bytes, text: str) -> None:
        content = text.encode()
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, len(content), content)
        )
        self.transport.close()


def max_connections() -> int:
    """Return how many connections may be open. One more closes the one that has waited longest for its client."""
    return api_connections(descriptor_limit())


def close_longest_waiting(connections: Iterable[Any], newest: LimitedHttpProtocol) -> None:
    """Make room for `newest`: close the connection that has waited longest for its client.

    When every other connection is being served, the newest one gets 503.
    """
    open_ = [
        connection
        for connection in connections
        if isinstance(connection, LimitedHttpProtocol) and not connection.transport.is_closing()
    ]
    if len(open_) <= max_connections():
        return
    waiting = [
        (since, connection)
        for connection in open_
        if connection is not newest and (since := connection.idle_since()) is not None
    ]
    if waiting:
        _since, victim = min(waiting, key=lambda pair: pair[0])
        victim.close_waiting()
    else:
        newest.refuse()


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
