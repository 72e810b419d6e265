"""Follow-ups of a commit run after every commit, also when the caller no longer waits."""

import asyncio

import pytest

from breakwater.core.domain.errors import Conflict
from breakwater.core.store.engine import Database
from tests.contract.commands import Add, names
from tests.fakes import eventually


async def test_a_follow_up_gets_the_result_before_its_caller(database: Database) -> None:
    order: list[str] = []
    order.append(f"caller: {await database.writer.submit(Add('m1'), on_commit=order.append)}")
    assert order == ["added m1", "caller: added m1"]


async def test_a_cancelled_caller_does_not_cancel_the_follow_up(database: Database) -> None:
    results: list[str] = []
    caller: asyncio.Task[str] | None = None

    async def write(_connection: object) -> str:
        assert caller is not None
        caller.cancel()
        return "written"

    caller = asyncio.create_task(database.writer.run(write, on_commit=results.append))
    with pytest.raises(asyncio.CancelledError):
        await caller
    await eventually(lambda: results == ["written"])


async def test_a_write_that_fails_has_no_follow_up(database: Database) -> None:
    results: list[str] = []

    async def refuse(_connection: object) -> str:
        raise Conflict("no")

    with pytest.raises(Conflict):
        await database.writer.run(refuse, on_commit=results.append)
    assert results == []


async def test_a_follow_up_that_raises_stops_neither_its_caller_nor_the_writer(database: Database) -> None:
    def fail(_result: str) -> None:
        raise ValueError("a bug")

    assert await database.writer.submit(Add("m1"), on_commit=fail) == "added m1"
    assert await database.writer.submit(Add("m2")) == "added m2"
    assert await names(database) == ["m1", "m2"]
