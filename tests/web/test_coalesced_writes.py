"""Small writes of one turn of the event loop are sent together, in their order, and none is lost."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from breakwater.web.serve.coalesced_writes import MAX_PENDING_BYTES, CoalescedWrites


@dataclass
class RecordedTransport:
    """Records what is done to it."""

    calls: list[Any] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def is_closing(self) -> bool:
        return not {"close", "abort"}.isdisjoint(map(str, self.calls))

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


@pytest.fixture
async def recorded() -> tuple[CoalescedWrites, list[Any]]:
    transport = RecordedTransport()
    return CoalescedWrites(transport, asyncio.get_running_loop()), transport.calls  # type: ignore[arg-type]  # as far as it is used


Recorded = tuple[CoalescedWrites, list[Any]]


async def test_the_writes_of_one_turn_are_one_write(recorded: Recorded) -> None:
    writes, calls = recorded
    writes.write(b"head ")
    writes.write(b"body")
    assert calls == []
    await asyncio.sleep(0)
    assert calls == [b"head body"]
    writes.write(b"next")
    await asyncio.sleep(0)
    assert calls == [b"head body", b"next"]


async def test_a_close_follows_what_was_written_before(recorded: Recorded) -> None:
    writes, calls = recorded
    writes.write(b"last")
    writes.close()
    await asyncio.sleep(0)
    assert calls == [b"last", "close"]
    assert writes.is_closing()


async def test_an_abort_drops_what_was_written(recorded: Recorded) -> None:
    writes, calls = recorded
    writes.write(b"lost")
    writes.abort()
    await asyncio.sleep(0)
    assert calls == ["abort"]


async def test_large_writes_are_sent_without_delay(recorded: Recorded) -> None:
    writes, calls = recorded
    writes.write(b"head ")
    writes.write(bytes(MAX_PENDING_BYTES))
    assert calls == [b"head " + bytes(MAX_PENDING_BYTES)]
    writes.write(b"after")
    await asyncio.sleep(0)
    assert calls[1:] == [b"after"]


async def test_everything_else_is_the_transports(recorded: Recorded) -> None:
    assert recorded[0].get_extra_info("peername") == "the peername"
