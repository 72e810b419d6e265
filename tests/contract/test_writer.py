"""Group commit: who waits at the same time shares a transaction, and nobody pays for another's mistake."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import Conflict, NotFound, StoreUnavailable
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import MESSAGES
from breakwater.core.store.writer import GroupCommitWriter
from tests.contract.commands import Add, AddLater, Missing, Seen, count, message, names


def adding(name: str) -> Callable[[AsyncConnection], Awaitable[str]]:
    async def work(connection: AsyncConnection) -> str:
        await connection.execute(insert(MESSAGES), message(name))
        return f"worked {name}"

    return work


async def test_callers_at_the_same_time_share_a_transaction(database: Database) -> None:
    seen = Seen()
    results = await asyncio.gather(*(database.writer.submit(Add(f"m{n:03}", seen)) for n in range(200)))
    assert results == [f"added m{n:03}" for n in range(200)]
    assert len(seen.batches) == 1
    assert await count(database) == 200


async def test_callers_who_arrive_during_a_commit_share_the_next(database: Database) -> None:
    seen = Seen()

    async def caller(name: str) -> None:
        for n in range(10):
            await database.writer.submit(Add(f"{name}{n}", seen))

    await asyncio.gather(*(caller(f"m{n:02}-") for n in range(20)))
    assert await count(database) == 200
    assert len(seen.batches) <= 20


async def test_a_batch_keeps_the_order_of_arrival(database: Database) -> None:
    seen = Seen()
    submitted = [f"m{n}" for n in (3, 1, 2)]
    await asyncio.gather(*(database.writer.submit(Add(name, seen)) for name in submitted))
    assert seen.batches == [submitted]


async def test_classes_of_commands_are_applied_in_order_of_their_first_arrival(database: Database) -> None:
    seen = Seen()
    commands = [Add("a", seen), AddLater("b", seen), Add("c", seen)]
    await asyncio.gather(*(database.writer.submit(command) for command in commands))
    assert seen.batches == [["a", "c"], ["b"]]


async def test_a_batch_is_bounded(database: Database) -> None:
    seen = Seen()
    writer = GroupCommitWriter(database._store.write, database._store.off_loop, max_batch=10)
    writer.start()
    await asyncio.gather(*(writer.submit(Add(f"m{n:02}", seen)) for n in range(25)))
    await writer.close()
    assert [len(batch) for batch in seen.batches] == [10, 10, 5]


async def test_an_error_in_a_slot_is_raised_to_its_caller_alone(database: Database) -> None:
    results = await asyncio.gather(
        database.writer.submit(Missing("here")),
        database.writer.submit(Missing("missing")),
        database.writer.submit(Add("m1")),
        return_exceptions=True,
    )
    assert results[0] == "found"
    assert isinstance(results[1], NotFound)
    assert results[2] == "added m1"
    assert await names(database) == ["m1"]


async def test_a_member_that_cannot_be_written_fails_alone(database: Database) -> None:
    await database.writer.submit(Add("taken"))
    results = await asyncio.gather(
        *(database.writer.submit(Add(name)) for name in ("m1", "taken", "m2")), return_exceptions=True
    )
    assert [results[0], results[2]] == ["added m1", "added m2"]
    assert isinstance(results[1], IntegrityError)
    assert await names(database) == ["m1", "m2", "taken"]
    assert database.writer.healthy


async def test_a_lone_member_that_cannot_be_written_leaves_nothing_behind(database: Database) -> None:
    async def half(connection: AsyncConnection) -> None:
        await adding("half")(connection)
        raise Conflict("it was cancelled meanwhile")

    with pytest.raises(Conflict, match="meanwhile"):
        await database.writer.run(half)
    assert await names(database) == []


async def test_work_shares_the_transaction_and_its_failure_is_its_own(database: Database) -> None:
    async def failing(connection: AsyncConnection) -> None:
        await adding("undone")(connection)
        raise Conflict("no")

    seen = Seen()
    results = await asyncio.gather(
        database.writer.submit(Add("m1", seen)),
        database.writer.run(failing),
        database.writer.run(adding("m2")),
        database.writer.submit(Add("m3", seen)),
        return_exceptions=True,
    )
    assert results[0] == "added m1"
    assert isinstance(results[1], Conflict)
    assert results[2] == "worked m2"
    assert await names(database) == ["m1", "m2", "m3"]
    assert seen.batches == [["m1", "m3"]]


async def test_a_statement_that_fails_in_work_does_not_spoil_the_others(database: Database) -> None:
    await database.writer.submit(Add("taken"))
    results = await asyncio.gather(
        database.writer.run(adding("m1")),
        database.writer.run(adding("taken")),
        database.writer.run(adding("m2")),
        return_exceptions=True,
    )
    assert isinstance(results[1], IntegrityError)
    assert await names(database) == ["m1", "m2", "taken"]


async def test_a_mistake_in_a_command_is_raised_to_its_callers_and_the_writer_goes_on(
    database: Database,
) -> None:
    class Wrong:
        @classmethod
        async def apply(cls, _connection: AsyncConnection, _members: Any) -> list[str]:
            raise ZeroDivisionError

    class Short:
        @classmethod
        async def apply(cls, _connection: AsyncConnection, _members: Any) -> list[str]:
            return []

    results = await asyncio.gather(
        database.writer.submit(Wrong()),
        database.writer.submit(Short()),
        database.writer.submit(Add("m1")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [ZeroDivisionError, ValueError, str]
    assert database.writer.healthy


async def test_what_was_written_is_read_at_once(database: Database) -> None:
    for n in range(20):
        await database.writer.submit(Add(f"m{n}"))
        assert await count(database) == n + 1


async def test_a_cancelled_caller_does_not_harm_the_others(database: Database) -> None:
    callers = [asyncio.create_task(database.writer.submit(Add(f"m{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert results[1::2] == [f"added m{n}" for n in range(1, 20, 2)]
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    await database.writer.submit(Add("after"))


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_callers_cancelled_at_any_moment_do_not_harm_the_others(database: Database, turns: int) -> None:
    callers = [asyncio.create_task(database.writer.submit(Add(f"m{n}"))) for n in range(4)]
    for _ in range(turns):
        await asyncio.sleep(0)
    callers[0].cancel()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert results[1:] == ["added m1", "added m2", "added m3"]
    assert set(await names(database)) >= {"m1", "m2", "m3"}


async def test_closing_writes_what_is_queued(database: Database, database_url: str) -> None:
    callers = [asyncio.create_task(database.writer.submit(Add(f"m{n:04}"))) for n in range(2500)]
    await asyncio.sleep(0)
    await database.writer.close()
    assert len(await asyncio.gather(*callers)) == 2500
    assert await count(database) == 2500


async def test_closing_after_the_writer_was_cancelled_leaves_nobody_waiting(database: Database) -> None:
    assert database.writer._task is not None
    database.writer._task.cancel()
    caller = asyncio.create_task(database.writer.submit(Add("m1")))
    await asyncio.sleep(0)
    await database.writer.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await caller


async def test_a_closed_writer_refuses(database: Database) -> None:
    await database.writer.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.writer.submit(Add("m1"))


async def test_a_writer_inside_a_reader_is_told_so(database: Database) -> None:
    async with database.read():
        with pytest.raises(RuntimeError, match="leave the block"):
            await database.writer.submit(Add("m1"))
    await database.writer.submit(Add("m1"))
