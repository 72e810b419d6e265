"""Group commit: concurrent writes share a transaction, and a failing one fails alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import Conflict, NotFound, StoreUnavailable
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import MESSAGES
from breakwater.core.store.writer import GroupCommitWriter
from tests.contract.commands import Add, AddLater, AppliedBatches, Missing, count, message, names
from tests.fakes import eventually


def adding(name: str) -> Callable[[AsyncConnection], Awaitable[str]]:
    async def work(connection: AsyncConnection) -> str:
        await connection.execute(insert(MESSAGES), message(name))
        return f"worked {name}"

    return work


async def test_concurrent_callers_share_a_transaction(database: Database) -> None:
    applied = AppliedBatches()
    results = await asyncio.gather(*(database.writer.submit(Add(f"m{n:03}", applied)) for n in range(200)))
    assert results == [f"added m{n:03}" for n in range(200)]
    assert len(applied.batches) == 1
    assert await count(database) == 200


async def test_callers_who_arrive_during_a_commit_share_the_next(database: Database) -> None:
    applied = AppliedBatches()

    async def caller(name: str) -> None:
        for n in range(10):
            await database.writer.submit(Add(f"{name}{n}", applied))

    await asyncio.gather(*(caller(f"m{n:02}-") for n in range(20)))
    assert await count(database) == 200
    assert len(applied.batches) <= 20


async def test_a_batch_keeps_the_order_of_arrival(database: Database) -> None:
    applied = AppliedBatches()
    submitted = [f"m{n}" for n in (3, 1, 2)]
    await asyncio.gather(*(database.writer.submit(Add(name, applied)) for name in submitted))
    assert applied.batches == [submitted]


async def test_classes_of_commands_are_applied_in_order_of_their_first_arrival(database: Database) -> None:
    applied = AppliedBatches()
    commands = [Add("a", applied), AddLater("b", applied), Add("c", applied)]
    await asyncio.gather(*(database.writer.submit(command) for command in commands))
    assert applied.batches == [["a", "c"], ["b"]]


async def test_a_batch_is_bounded(database: Database) -> None:
    applied = AppliedBatches()
    writer = GroupCommitWriter(database._store.write, database._store.off_loop, max_batch=10)
    writer.start()
    await asyncio.gather(*(writer.submit(Add(f"m{n:02}", applied)) for n in range(25)))
    await writer.close()
    assert [len(batch) for batch in applied.batches] == [10, 10, 5]


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
        raise Conflict("it was already cancelled")

    with pytest.raises(Conflict, match="already"):
        await database.writer.run(half)
    assert await names(database) == []


async def test_a_write_function_shares_the_transaction_and_fails_alone(database: Database) -> None:
    async def failing(connection: AsyncConnection) -> None:
        await adding("undone")(connection)
        raise Conflict("no")

    applied = AppliedBatches()
    results = await asyncio.gather(
        database.writer.submit(Add("m1", applied)),
        database.writer.run(failing),
        database.writer.run(adding("m2")),
        database.writer.submit(Add("m3", applied)),
        return_exceptions=True,
    )
    assert results[0] == "added m1"
    assert isinstance(results[1], Conflict)
    assert results[2] == "worked m2"
    assert await names(database) == ["m1", "m2", "m3"]
    assert applied.batches == [["m1", "m3"]]


async def test_a_failing_statement_of_a_write_function_does_not_fail_the_others(database: Database) -> None:
    await database.writer.submit(Add("taken"))
    results = await asyncio.gather(
        database.writer.run(adding("m1")),
        database.writer.run(adding("taken")),
        database.writer.run(adding("m2")),
        return_exceptions=True,
    )
    assert isinstance(results[1], IntegrityError)
    assert await names(database) == ["m1", "m2", "taken"]


async def test_a_programming_error_in_a_command_is_raised_to_its_callers_and_the_writer_continues(
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


async def test_committed_rows_are_readable_immediately(database: Database) -> None:
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


async def test_closing_after_the_writer_was_cancelled_fails_waiting_callers(database: Database) -> None:
    assert database.writer._task is not None
    database.writer._task.cancel()
    caller = asyncio.create_task(database.writer.submit(Add("m1")))
    await asyncio.sleep(0)
    await database.writer.close()
    with pytest.raises(StoreUnavailable, match="has stopped"):
        await caller


async def test_a_writer_whose_task_has_ended_is_unhealthy_and_refuses_callers(database: Database) -> None:
    waiting = [asyncio.create_task(database.writer.submit(Add(f"m{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    assert database.writer._task is not None
    database.writer._task.cancel()
    async with asyncio.timeout(5):
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert {str(result) for result in results} == {"The database writer has stopped: restart Breakwater."}
        assert {type(result) for result in results} == {StoreUnavailable}
        with pytest.raises(StoreUnavailable, match="has stopped"):
            await database.writer.submit(Add("later"))
        with pytest.raises(StoreUnavailable, match="has stopped"):
            await database.writer.run_in_steps(lambda _: asyncio.sleep(0, 1))
    assert not database.writer.healthy
    assert database.writer.last_error == "The database writer has stopped: restart Breakwater."


async def test_callers_of_a_batch_that_is_being_written_when_the_writer_ends_get_an_error(
    database: Database,
) -> None:
    started = asyncio.Event()

    async def endless(_connection: AsyncConnection) -> None:
        started.set()
        await asyncio.Event().wait()

    writing = asyncio.create_task(database.writer.run(endless))
    await started.wait()
    assert database.writer._task is not None
    database.writer._task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable, match="has stopped"):
            await writing
    assert not database.writer.healthy


class GivenUp(Add):
    """A command whose driver gives its statement up."""

    @classmethod
    async def apply(cls, _connection: AsyncConnection, _members: Any) -> list[str]:
        raise asyncio.CancelledError


async def test_a_statement_cancelled_by_the_driver_does_not_end_the_writer(database: Database) -> None:
    async with asyncio.timeout(5):
        results = await asyncio.gather(
            database.writer.submit(GivenUp("m1")),
            database.writer.submit(GivenUp("m2")),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [StoreUnavailable] * 2
        assert not database.writer.healthy
        assert await database.writer.submit(Add("after")) == "added after"
    assert database.writer.healthy
    assert await names(database) == ["after"]


class UnspeakableError(OSError):
    """An error that cannot be put into words: the writer itself fails over it."""

    @property
    def errno(self) -> int:
        """Fail where the error is described."""
        raise ZeroDivisionError

    @property
    def strerror(self) -> str:
        """Fail as well."""
        raise ZeroDivisionError

    def __str__(self) -> str:
        raise ZeroDivisionError


async def test_a_failure_of_the_writer_itself_fails_its_batch_and_the_next_one_is_written(
    database: Database,
) -> None:
    failures = 1

    @asynccontextmanager
    async def transaction() -> AsyncIterator[AsyncConnection]:
        nonlocal failures
        if failures:
            failures -= 1
            raise UnspeakableError
        async with database._store.write() as connection:
            yield connection

    writer = GroupCommitWriter(transaction, database._store.off_loop)
    writer.start()
    async with asyncio.timeout(5):
        results = await asyncio.gather(
            *(writer.submit(Add(f"m{n}")) for n in range(3)), return_exceptions=True
        )
        assert {str(result) for result in results} == {"The database writer failed; see the service log."}
        assert not writer.healthy
        assert await writer.submit(Add("after")) == "added after"
    assert (writer.healthy, writer.restarts) == (True, 1)
    await writer.close()
    assert await names(database) == ["after"]


async def test_a_write_that_does_not_end_is_unhealthy_and_refuses_those_behind_it(database: Database) -> None:
    responds = asyncio.Event()

    async def waits(_connection: AsyncConnection) -> str:
        await responds.wait()
        return "written"

    writer = GroupCommitWriter(database._store.write, database._store.off_loop, stalled_seconds=0.05)
    writer.start()
    first = asyncio.create_task(writer.run(waits))
    await eventually(lambda: writer._batch)
    second = asyncio.create_task(writer.submit(Add("m1")))
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable, match="has been waiting for"):
            await second
    assert not writer.healthy
    with pytest.raises(StoreUnavailable, match="has been waiting for"):
        await writer.submit(Add("m2"))
    responds.set()
    assert await first == "written"
    assert writer.healthy
    assert await writer.submit(Add("m3")) == "added m3"
    await writer.close()


async def test_a_writer_that_was_closed_or_never_started_is_not_healthy(database: Database) -> None:
    await database.writer.close()
    assert not database.writer.healthy
    assert database.writer.last_error == "The database is closed."


async def test_other_writes_run_between_the_steps_of_a_long_write(database: Database) -> None:
    applied = AppliedBatches()
    steps = 0
    written: list[str] = []

    async def step(_connection: AsyncConnection) -> int:
        nonlocal steps
        steps += 1
        written.append("step")
        return 7 if steps <= 5 else 0

    async def accept(name: str) -> None:
        await database.writer.submit(Add(name, applied))
        written.append(name)

    long_work = asyncio.create_task(database.writer.run_in_steps(step))
    for n in range(3):
        await accept(f"m{n}")
    assert await long_work == 35
    assert steps == 6
    places = [written.index(f"m{n}") for n in range(3)]
    assert all(later - earlier <= 3 for earlier, later in pairwise([0, *places]))


async def test_several_long_writes_alternate_their_steps(database: Database) -> None:
    batches: list[int] = []
    left = dict.fromkeys(range(10), 3)

    async def work(n: int) -> int:
        async def step(connection: AsyncConnection) -> int:
            batches.append(id(database.writer._batch))
            assert len(database.writer._batch) == 1
            left[n] -= 1
            return max(left[n], 0)

        return await database.writer.run_in_steps(step)

    assert await asyncio.gather(*(work(n) for n in range(10))) == [3] * 10
    assert len(batches) == 30


async def test_steps_before_one_that_fails_stay_written(database: Database) -> None:
    names_left = ["m1", "m2", "taken", "m3"]
    await database.writer.submit(Add("taken"))

    async def step(connection: AsyncConnection) -> int:
        await adding(names_left.pop(0))(connection)
        return len(names_left)

    with pytest.raises(IntegrityError):
        await database.writer.run_in_steps(step)
    assert await names(database) == ["m1", "m2", "taken"]


async def test_a_closed_writer_refuses(database: Database) -> None:
    await database.writer.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.writer.submit(Add("m1"))


async def test_a_write_inside_a_read_transaction_is_refused(database: Database) -> None:
    async with database.read():
        with pytest.raises(RuntimeError, match="leave the block"):
            await database.writer.submit(Add("m1"))
    await database.writer.submit(Add("m1"))
