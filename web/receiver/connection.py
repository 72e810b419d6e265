"""One HTTP/1.1 connection of the receiver. It uses httptools without a framework, for benchmarks."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol, cast

import httptools

_MAX_HEADERS: Final = 200


@dataclass(slots=True)
class Request:
    """One request, with its body cut at the cap."""

    target: bytes = b""
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    size: int = 0
    keep_alive: bool = True

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Response:
    """One response."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


class Reply(Protocol):
    """Sends the response to a request, now or later, or drops the connection."""

    def send(self, response: Response) -> None: ...

    def drop(self) -> None: ...

    @property
    def gone(self) -> asyncio.Future[None]:
        """Done when the client has closed the connection."""
        ...


class Handler(Protocol):
    """Handles a request and calls `reply` once, now or later."""

    def __call__(self, request: Request, reply: Reply) -> None: ...


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Scripted"


def encode(response: Response, *, keep_alive: bool) -> bytes:
    """Return `response` as bytes of HTTP/1.1."""
    head = [
        f"HTTP/1.1 {response.status} {_reason(response.status)}",
        f"content-type: {response.content_type}",
        f"content-length: {len(response.body)}",
        *(f"{name}: {value}" for name, value in response.headers),
        *(() if keep_alive else ("connection: close",)),
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace") + response.body


class Connection(asyncio.Protocol):
    """Reads requests and passes them to the handler one after the other; pipelined requests are queued."""

    def __init__(self, handler: Handler, connections: set["Connection"], body_cap: int) -> None:
        self._handler = handler
        self._connections = connections
        self._body_cap = body_cap
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._transport: asyncio.Transport | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            asyncio.Transport, transport
        )  # uvloop's transport does not inherit from the class
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._connections.discard(self)
        self._transport = None
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(b'{"error": "protocol upgrades are not supported"}')
        except httptools.HttpParserError:
            self._refuse(b'{"error": "the request is not valid HTTP/1.1"}')

    # callbacks of httptools

    def on_message_begin(self) -> None:
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self._request.headers) < _MAX_HEADERS:
            self._request.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._request.header("expect") and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._request.size += len(body)
        self._request.body += body[: self._body_cap - len(self._request.body)]

    def on_message_complete(self) -> None:
        self._request.method = self._parser.get_method().decode("latin-1")
        self._request.keep_alive = self._parser.should_keep_alive()
        self._queue.append(self._request)
        self._next()

    # Reply

    def send(self, response: Response) -> None:
        """Send the response to the current request."""
        request, self._current = self._current, None
        if self._transport is None or request is None:
            return
        self._transport.write(encode(response, keep_alive=request.keep_alive))
        if not request.keep_alive:
            self._transport.close()
        self._next()

    def drop(self) -> None:
        """Close the connection without a response."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        if self._current is None and self._queue:
            self._current = self._queue.popleft()
            self._handler(self._current, self)

    def _refuse(self, body: bytes) -> None:
        if self._transport is not None:
            self._transport.write(encode(Response(400, body), keep_alive=False))
            self._transport.close()
