"""Background loops are kept alive, and tell how they are."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from breakwater.core.delivery.supervisor import Supervisor
from breakwater.core.domain.errors import StoreUnavailable
from tests.fakes import ManualClock, settle


class Duty:
    """A loop that raises what it is given, then goes on for ever."""

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
async def looper(clock: ManualClock) -> AsyncIterator[Supervisor]:
    looper = Supervisor(clock)
    yield looper
    await looper.stop()


async def begin(looper: Supervisor, duty: Duty) -> None:
    looper.add("duty", duty.run)
    looper.start()
    await settle()


async def test_a_loop_that_dies_is_restarted_and_shown_as_unwell_for_a_minute(
    looper: Supervisor, clock: ManualClock
) -> None:
    duty = Duty(ValueError("no such luck"))
    await begin(looper, duty)
    (health,) = looper.health()
    assert (health.healthy, health.last_error) == (False, "ValueError: no such luck")
    await clock.advance(0.5)
    assert duty.runs == 2
    assert not looper.health()[0].healthy
    await clock.advance(60.0)
    assert looper.health()[0].healthy


async def test_it_is_restarted_ever_more_slowly(looper: Supervisor, clock: ManualClock) -> None:
    duty = Duty(*[ValueError("again")] * 5)
    await begin(looper, duty)
    for seconds, runs in ((0.5, 2), (1.0, 3), (2.0, 4), (4.0, 5), (8.0, 6)):
        await clock.advance(seconds)
        assert duty.runs == runs


async def test_a_loop_that_meets_an_unavailable_database_tries_again_soon_however_long_that_lasts(
    looper: Supervisor, clock: ManualClock
) -> None:
    duty = Duty(*[StoreUnavailable("The disk is full.")] * 30)
    await begin(looper, duty)
    await clock.advance(58.0)
    assert duty.runs == 30
    assert not looper.health()[0].healthy
    await clock.advance(2.0)
    assert duty.runs == 31
    await clock.advance(5.0)
    assert looper.health()[0].healthy
