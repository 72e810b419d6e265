"""A load generator that uses little processor time: HTTP/1.1 on plain streams."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

import msgspec
import psutil


@dataclass
class Sent:
    """The results of the requests: when each began, by the id of its message."""

    began: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    last_refusal: bytes = b""


class Caller:
    """One reused connection to the API."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the response."""
        self._writer.write(b"%bcontent-length: %d\r\n\r\n%b" % (self._head, len(body), body))
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(head[9:12]), await self._reader.readexactly(length)


@asynccontextmanager
async def calling(url: str, path: str, key: str) -> AsyncIterator[Caller]:
    """Open a connection that posts JSON to `path`."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
        "content-type: application/json\r\n"
    )
    try:
        yield Caller(reader, writer, head.encode())
    finally:
        writer.close()
        await writer.wait_closed()


async def send_all(url: str, key: str, bodies: Iterable[bytes], *, connections: int) -> Sent:
    """Send every body, one message per request, over this many concurrent connections."""
    sent, waiting = Sent(), iter(bodies)

    async def send_messages() -> None:
        async with calling(url, "/api/v1/messages", key) as caller:
            for body in waiting:
                await _send(caller, body, sent)

    await asyncio.gather(*(send_messages() for _ in range(connections)))
    return sent


async def send_paced(
    url: str,
    key: str,
    bodies: Iterable[bytes],
    *,
    per_second: float,
    connections: int,
    draw: Random | None = None,
) -> Sent:
    """Send the bodies at a fixed rate that does not depend on the responses: evenly, or at random times (`draw`).

    With an even rate that divides the deadline of attempts, every timeout coincides with a new message.
    """
    sent, queue = Sent(), asyncio.Queue[bytes | None]()

    async def send_messages() -> None:
        async with calling(url, "/api/v1/messages", key) as caller:
            while (body := await queue.get()) is not None:
                await _send(caller, body, sent)

    workers = [asyncio.create_task(send_messages()) for _ in range(connections)]
    due = time.monotonic()
    for body in bodies:
        await asyncio.sleep(due - time.monotonic())
        queue.put_nowait(body)
        due += draw.expovariate(per_second) if draw else 1 / per_second
    for _ in workers:
        queue.put_nowait(None)
    await asyncio.gather(*workers)
    return sent


async def _send(caller: Caller, body: bytes, sent: Sent) -> None:
    began = time.time()
    status, response = await caller.post(body)
    if status == 202:
        sent.began[msgspec.json.decode(response)["id"]] = began
    else:
        sent.refused += 1
        sent.last_refusal = response


def messages(count: int, event_types: list[str]) -> Iterator[bytes]:
    """Yield messages of about 500 bytes, spread over the event types."""
    filler = "x" * 420
    for number in range(count):
        yield msgspec.json.encode(
            {"event_type": event_types[number % len(event_types)], "payload": {"n": number, "filler": filler}}
        )


def quantiles(values: list[float], *shares: float) -> list[float]:
    """Return the quantiles of `values` at these shares."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in shares]


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, its threads included."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def until(look: Callable[[], bool], *, within: float) -> float:
    """Wait until `look` returns true and return the time; raise TimeoutError after `within` seconds."""
    deadline = time.time() + within
    while not look():
        if time.time() > deadline:
            raise TimeoutError(f"not reached within {within} s")
        time.sleep(0.02)
    return time.time()
