"""Limits on what a client may send before a credential is checked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from breakwater.web.serve import http_limits
from breakwater.web.serve.http_limits import (
    BODY_SECONDS,
    HEAD_SECONDS,
    MAX_HEAD_BYTES,
    MIN_BYTES_PER_SECOND,
    WRITE_SECONDS,
    LimitedHttpProtocol,
    close_all_overdue,
)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds, 5 seconds at most."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the protocol has no event for it
            await asyncio.sleep(0.001)


class Listening:
    """A server on loopback with the service's protocol and an application that returns the body's length."""

    def __init__(self, port: int, state: ServerState) -> None:
        self.port = port
        self.state = state
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self, limit: int = 65_536) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=limit)
        self.writers.append(writer)
        return reader, writer

    async def request(self, content: bytes) -> bytes:
        """Send `content` and return all bytes until the connection closes."""
        reader, writer = await self.connect()
        writer.write(content)
        return await asyncio.wait_for(reader.read(), 5)

    async def until(self, count: int) -> None:
        """Wait until this number of connections is open."""
        await eventually(lambda: len(self.state.connections) == count)

    def close_overdue(self, seconds: float) -> int:
        return close_all_overdue(self.state.connections, asyncio.get_running_loop().time() + seconds)


def application(large: int) -> Any:
    """Return an application that responds with the length of the body, or with `large` bytes."""

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        await _respond(receive, send, large)

    return respond


async def _respond(receive: Any, send: Any, large: int) -> None:
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    content = b"x" * large or str(length).encode()
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@asynccontextmanager
async def listening(large: int = 0) -> AsyncIterator[Listening]:
    state = ServerState()
    config = Config(application(large), http=LimitedHttpProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    server = await asyncio.get_running_loop().create_server(
        lambda: LimitedHttpProtocol(config, state, {}), "127.0.0.1", 0
    )
    running = Listening(server.sockets[0].getsockname()[1], state)
    try:
        yield running
    finally:
        for writer in running.writers:
            writer.close()
        server.close()
        await server.wait_closed()


def post(length: int, body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (length, body)


async def test_a_request_within_the_limits_is_served() -> None:
    async with listening() as server:
        response = await server.request(post(100_000, b"x" * 100_000))
        assert response.startswith(b"HTTP/1.1 200 OK")
        assert response.endswith(b"\r\n\r\n100000")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1_000_000,
        b"GET / HTTP/1.1\r\na: " + b"b" * 1_000_000,
        b"GET /" + b"b" * 1_000_000,
    ],
    ids=["many lines", "one long line", "a long path"],
)
async def test_a_head_that_is_too_large_is_rejected_while_it_is_read(head: bytes) -> None:
    async with listening() as server:
        reader, writer = await server.connect()
        most = 0
        status = asyncio.ensure_future(reader.readline())
        for start in range(0, len(head), 16_384):
            writer.write(head[start : start + 16_384])
            await asyncio.sleep(0)
            for connection in server.state.connections:
                most = max(most, connection._head_bytes)
            if status.done():
                break
        assert b"431" in await asyncio.wait_for(status, 5)
        assert most <= MAX_HEAD_BYTES + 256 * 1024
        assert server.state.total_requests == 0


@pytest.mark.parametrize(("count", "status"), [(197, b"200"), (199, b"431")])
async def test_a_request_has_a_limited_number_of_headers(count: int, status: bytes) -> None:
    head = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n" + b"a: b\r\n" * count + b"\r\n"
    async with listening() as server:
        assert (await server.request(head)).startswith(b"HTTP/1.1 " + status)


async def test_a_connection_that_sends_nothing_is_closed_after_the_deadline() -> None:
    async with listening() as server:
        reader, _writer = await server.connect()
        await server.until(1)
        assert server.close_overdue(HEAD_SECONDS - 1) == 0
        assert server.close_overdue(HEAD_SECONDS + 1) == 1
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_head_that_stops_half_way_is_closed_with_408() -> None:
    async with listening() as server:
        reader, writer = await server.connect()
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n")
        await server.until(1)
        await eventually(lambda: next(iter(server.state.connections))._in_head)
        assert server.close_overdue(HEAD_SECONDS + 1) == 1
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408")


async def test_a_body_that_stops_half_way_is_closed_with_408() -> None:
    async with listening() as server:
        reader, writer = await server.connect()
        writer.write(post(1_000, b"x" * 10))
        await server.until(1)
        await eventually(lambda: next(iter(server.state.connections)).reads_body)
        assert server.close_overdue(HEAD_SECONDS + 1) == 0
        assert server.close_overdue(BODY_SECONDS + 1) == 1
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408")


async def test_a_request_that_has_arrived_has_no_deadline_here() -> None:
    async with listening() as server:
        reader, writer = await server.connect()
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n0"), 5)
        assert server.close_overdue(3_600) == 0


@pytest.mark.parametrize("parts", [1, 2, 7])
async def test_a_head_below_the_limit_is_accepted_in_any_number_of_parts(parts: int) -> None:
    head = b"GET / HTTP/1.1\r\nconnection: close\r\na: " + b"b" * 60_000 + b"\r\n\r\n"
    async with listening() as server:
        reader, writer = await server.connect()
        size = len(head) // parts + 1
        for start in range(0, len(head), size):
            writer.write(head[start : start + size])
            await writer.drain()
            await asyncio.sleep(0.01)  # so that each part arrives by itself
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200")


async def test_a_body_before_a_further_head_does_not_count_as_its_head() -> None:
    request = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 70000\r\n\r\n" + b"x" * 70_000
    async with listening() as server:
        reader, writer = await server.connect()
        writer.write(request + b"GET / HT")
        assert (await asyncio.wait_for(reader.readuntil(b"70000"), 5)).startswith(b"HTTP/1.1 200")
        writer.write(b"TP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200")


async def test_a_head_that_is_too_large_lets_the_earlier_response_finish() -> None:
    async with listening() as server:
        response = await server.request(
            b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\na: " + b"b" * 100_000 + b"\r\n\r\n"
        )
        assert response.startswith(b"HTTP/1.1 200 OK")


async def test_a_client_that_never_reads_its_response_is_disconnected() -> None:
    async with listening(large=64 * 1024 * 1024) as server:
        _reader, writer = await server.connect(limit=1)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await eventually(
            lambda: any(connection._stalled_since is not None for connection in server.state.connections)
        )
        assert server.close_overdue(WRITE_SECONDS - 1) == 0
        assert server.close_overdue(WRITE_SECONDS + 1) == 1
        await server.until(0)


async def test_a_body_that_keeps_arriving_is_not_cut_off() -> None:
    async with listening() as server:
        _reader, writer = await server.connect()
        writer.write(post(1_000_000, b"x" * 60_000))
        await eventually(lambda: any(c._body_bytes == 60_000 for c in server.state.connections))
        assert server.close_overdue(BODY_SECONDS + 60_000 / MIN_BYTES_PER_SECOND - 1) == 0
        assert server.close_overdue(BODY_SECONDS + 60_000 / MIN_BYTES_PER_SECOND + 1) == 1


async def test_one_connection_too_many_closes_the_one_that_has_waited_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_limits, "max_connections", lambda: 3)
    async with listening() as server:
        first, _ = await server.connect()
        await server.until(1)
        for count in (2, 3):
            await server.connect()
            await server.until(count)
        response = await server.request(post(3, b"abc"))
        assert response.startswith(b"HTTP/1.1 200 OK")
        assert await asyncio.wait_for(first.read(), 5) == b""
