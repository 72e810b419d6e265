"""Memory under hostile bodies, measured. Over both senders."""

import asyncio
import gc
from pathlib import Path

from breakwater.core.domain.outcome import Response
from tests.egress.conftest import LINUX, Wire
from tests.egress.receivers import Receiver, endless, gzip_bomb, respond

MEGABYTE = 1024 * 1024


def resident() -> int:
    """Return the bytes of memory that this process has now (Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


@LINUX
async def test_a_hundred_gzip_bombs_and_a_hundred_endless_bodies_cost_less_than_twenty_megabytes(
    wire: Wire,
) -> None:
    bomb = gzip_bomb(200)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    async with (
        Receiver(respond(head + bomb)) as bombs,
        Receiver(endless(b"HTTP/1.1 200 OK\r\n\r\n")) as pours,
    ):
        urls = [f"http://hooks.example:{bombs.port}/", f"http://hooks.example:{pours.port}/"]
        for url in urls:  # what is loaded once, and the receivers' own buffers, do not count
            await asyncio.gather(*(wire.post(url, timeout=5) for _ in range(10)))
        before = resident()
        for url in urls:
            for _ in range(10):
                outcomes = await asyncio.gather(*(wire.post(url, timeout=5) for _ in range(10)))
                assert all(
                    isinstance(outcome, Response) and len(outcome.body) == 16384 for outcome in outcomes
                )
        grown = resident() - before
    assert grown < 20 * MEGABYTE, f"grew by {grown / MEGABYTE:.1f} MB"
