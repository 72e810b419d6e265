"""The supervisor restarts background tasks and reports their health."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from breakwater.core.delivery.supervisor import Supervisor
from breakwater.core.domain.errors import StoreUnavailable
from tests.fakes import ManualClock, settle


class Task:
    """A task that raises the given errors, then runs until it is cancelled."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)
        await asyncio.Event().wait()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def supervisor(clock: ManualClock) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(clock)
    yield supervisor
    await supervisor.stop()


async def begin(supervisor: Supervisor, task: Task) -> None:
    supervisor.add("task", task.run)
    supervisor.start()
    await settle()


async def test_a_task_that_fails_is_restarted_and_unhealthy_for_a_minute(
    supervisor: Supervisor, clock: ManualClock
) -> None:
    task = Task(ValueError("no such luck"))
    await begin(supervisor, task)
    (health,) = supervisor.health()
    assert (health.healthy, health.last_error) == (False, "ValueError: no such luck")
    await clock.advance(0.5)
    assert task.runs == 2
    assert not supervisor.health()[0].healthy
    await clock.advance(60.0)
    assert supervisor.health()[0].healthy


async def test_a_failing_task_is_restarted_with_backoff(supervisor: Supervisor, clock: ManualClock) -> None:
    task = Task(*[ValueError("again")] * 5)
    await begin(supervisor, task)
    for seconds, runs in ((0.5, 2), (1.0, 3), (2.0, 4), (4.0, 5), (8.0, 6)):
        await clock.advance(seconds)
        assert task.runs == runs


async def test_a_task_that_finds_the_database_unavailable_retries_every_two_seconds(
    supervisor: Supervisor, clock: ManualClock
) -> None:
    task = Task(*[StoreUnavailable("The disk is full.")] * 30)
    await begin(supervisor, task)
    await clock.advance(58.0)
    assert task.runs == 30
    assert not supervisor.health()[0].healthy
    await clock.advance(2.0)
    assert task.runs == 31
    await clock.advance(5.0)
    assert supervisor.health()[0].healthy
