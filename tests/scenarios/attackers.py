"""Hostile clients: each function is one client, and sends until it is cancelled. They run in a process of their own."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CLIENTS: Final = 8
"""Clients of one attack, at the same time."""
_CONNECTIONS: Final = 100
"""Connections of one client that holds them."""


@dataclass(frozen=True)
class Aim:
    """What the clients attack."""

    port: int
    key: str
    paths: Sequence[str]
    """Pages and responses with hostile content."""
    bodies: Sequence[bytes]
    """Messages with hostile payloads."""
    batch: bytes


Attack = Callable[[Aim], Awaitable[None]]


def run(name: str, aim: Aim, seconds: float) -> None:
    """Attack with `CLIENTS` clients for `seconds`."""
    asyncio.run(_run(ATTACKS[name], aim, seconds))


async def _run(attack: Attack, aim: Aim, seconds: float) -> None:
    clients = [asyncio.ensure_future(_repeat(attack, aim)) for _ in range(CLIENTS)]
    await asyncio.wait(clients, timeout=seconds)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


async def _repeat(attack: Attack, aim: Aim) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # a closed connection: the next one
            await attack(aim)


async def _pages(aim: Aim) -> None:
    """Read pages and responses with hostile content."""
    for path in aim.paths:
        await _exchange(aim, _request("GET", path, aim.key))


async def _messages(aim: Aim) -> None:
    """Send messages with hostile payloads."""
    for body in aim.bodies:
        await _exchange(aim, _request("POST", "/api/v1/messages", aim.key, body))


async def _batches(aim: Aim) -> None:
    """Send a batch of the largest size with hostile payloads."""
    await _exchange(aim, _request("POST", "/api/v1/messages/batch", aim.key, aim.batch))


async def _header_lines(aim: Aim) -> None:
    """Send a million header lines."""
    await _exchange(aim, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"a: b\r\n" * 1_000_000)


async def _half_requests(aim: Aim) -> None:
    """Hold connections: silent ones, half a head, half a body."""
    starts = (b"", b"GET / HTTP/1.1\r\nHost: 12", _request("POST", "/api/v1/messages", aim.key, b"{")[:-1])
    async with contextlib.AsyncExitStack() as held:
        for _, begun in zip(range(_CONNECTIONS), itertools.cycle(starts), strict=False):
            _reader, writer = await held.enter_async_context(_connected(aim))
            writer.write(begun)
        await asyncio.sleep(1)


async def _streams(aim: Aim) -> None:
    """Hold event streams."""
    async with contextlib.AsyncExitStack() as held:
        for _ in range(_CONNECTIONS):
            _reader, writer = await held.enter_async_context(_connected(aim))
            writer.write(_request("GET", "/events?on=deliveries", aim.key))
        await asyncio.sleep(1)


async def _calls(aim: Aim) -> None:
    """Call the API as fast as it responds, also for endpoints of new URLs."""
    for number in range(20):
        url = f"https://{id(aim)}-{number}.example/".encode()
        body = b'{"event_type":"a","payload":1,"url":"' + url + b'"}'
        await _exchange(aim, _request("GET", "/api/v1/deliveries?limit=200", aim.key))
        await _exchange(aim, _request("POST", "/api/v1/messages", aim.key, body))


ATTACKS: Final[Mapping[str, Attack]] = {
    "pages with hostile content": _pages,
    "messages with hostile payloads": _messages,
    "large batches": _batches,
    "a million header lines": _header_lines,
    "requests that never arrive": _half_requests,
    "event streams": _streams,
    "floods of calls": _calls,
}


def _request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


async def _exchange(aim: Aim, request: bytes) -> None:
    async with _connected(aim) as (reader, writer):
        writer.write(request)
        await reader.read()


@contextlib.asynccontextmanager
async def _connected(aim: Aim):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- reader and writer of asyncio
    reader, writer = await asyncio.open_connection("127.0.0.1", aim.port, limit=2**20)
    try:
        yield reader, writer
    finally:
        writer.close()
