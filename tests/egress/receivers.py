"""Raw TCP receivers on loopback, each with one correct or faulty behaviour.

A `Receiver` runs a script for every connection::

    async with Receiver(respond(OK)) as receiver:
        ...  # receiver.port, receiver.requests, receiver.connections

Scripts are coroutine functions of a `Connection`. The functions below create those of the fault matrix.
"""

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it was received."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Connection:
    """One accepted connection, read and written byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    receiver: "Receiver"

    async def request(self) -> ReceivedRequest | None:
        """Read one whole request; return None when the peer closes instead."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        line, *lines = head.rstrip("\r\n").split("\r\n")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        received = ReceivedRequest(line, headers, await self.reader.readexactly(length))
        self.receiver.requests.append(received)
        return received

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.receiver.bytes_sent += len(data)

    async def closed_by_peer(self) -> None:
        """Return when the peer has closed its side."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """End with RST instead of FIN, as a crashed or overloaded receiver does."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Connection], Awaitable[None]]


@dataclass
class Receiver:
    """A TCP or TLS server on 127.0.0.1 that runs `script` for every connection and records the requests."""

    script: Script
    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    bytes_sent: int = 0
    requests: list[ReceivedRequest] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.address, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self.connections += 1
        try:
            await self.script(Connection(reader, writer, self.connections, self))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass  # the sender closed the connection, or the test is over
        finally:
            writer.transport.abort()
            self._running.discard(task)


def respond(*responses: bytes) -> Script:
    """Send the next response to each request of a connection; repeat the last one."""

    async def script(connection: Connection) -> None:
        for repetition in range(1_000_000):
            if await connection.request() is None:
                return
            await connection.send(responses[min(repetition, len(responses) - 1)])

    return script


def once(response: bytes) -> Script:
    """Send one response, then close the connection with FIN."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(response)
        connection.writer.close()

    return script


async def silence(connection: Connection) -> None:
    """Accept and read, and never respond."""
    await connection.closed_by_peer()


async def hang_up(connection: Connection) -> None:
    """Read the request and close without a response."""
    await connection.request()


async def reset_after_request(connection: Connection) -> None:
    """Read the request and reset the connection."""
    await connection.request()
    connection.reset()


def drip(response: bytes, seconds: float) -> Script:
    """Send `response` one byte every `seconds`."""

    async def script(connection: Connection) -> None:
        await connection.request()
        for byte in response:
            await connection.send(bytes((byte,)))
            await asyncio.sleep(seconds)

    return script


def flood(block: bytes) -> Script:
    """Send `block` endlessly, as fast as the sender reads: 1xx responses, or a status line without an end."""

    async def script(connection: Connection) -> None:
        await connection.request()
        while True:
            await connection.send(block)
            await asyncio.sleep(0)

    return script


def then_silence(head: bytes) -> Script:
    """Send `head`, then nothing more while the sender keeps the connection open."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head)
        await connection.closed_by_peer()

    return script


def then_reset(head: bytes) -> Script:
    """Send `head`, give the sender time to read it, then reset the connection."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head)
        await asyncio.sleep(0.05)
        connection.reset()

    return script


def endless(head: bytes, block: bytes = b"x" * 65536) -> Script:
    """Send `head`, then `block` until the sender disconnects."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head)
        while True:
            await connection.send(block)

    return script


def unsolicited(response: bytes, extra: bytes, *, delay: float = 0.0) -> Script:
    """Send `response` to the first request and then the unsolicited `extra`; never respond to a second request."""

    async def script(connection: Connection) -> None:
        await connection.request()
        if delay:
            await connection.send(response)
            await asyncio.sleep(delay)
            await connection.send(extra)
        else:
            await connection.send(response + extra)
        if await connection.request() is not None:
            await connection.closed_by_peer()

    return script


def gzip_bomb(megabytes: int) -> bytes:
    """Return a gzip stream of about a thousandth of `megabytes`, which unpacks to that many."""
    return gzip.compress(bytes(megabytes * 1024 * 1024))


def closed_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def hanging_port() -> AsyncIterator[int]:
    """Yield a port on which connecting neither succeeds nor fails, because its backlog is full."""
    fillers: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        await asyncio.sleep(0.05)
        try:
            yield listener.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()
