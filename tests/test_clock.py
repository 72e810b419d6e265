"""The system clock follows the calendar and never goes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from breakwater.core import clock as clock_module
from breakwater.core.clock import SLOW_RATE, TOLERANCE_SECONDS, SystemClock
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.ids import Ids
from breakwater.core.runtime import Runtime
from tests.delivery.running_engine import RunningEngine, settings_for
from tests.fakes import ManualClock, ScriptedSender

START = 1_800_000_000.0
MINUTE, HOUR, DAY, YEAR = 60.0, 3_600.0, 86_400.0, 365 * 86_400.0


class Machine:
    """The two clocks of a machine."""

    def __init__(self) -> None:
        self.wall = START
        self.monotonic = 5_000.0

    def clock(self) -> SystemClock:
        return SystemClock(wall=lambda: self.wall, monotonic=lambda: self.monotonic)

    def run(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def suspend(self, seconds: float) -> None:
        """The monotonic clock stands still, except for the moment of waking up."""
        self.wall += seconds
        self.run(0.2)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_without_calendar_steps_the_clock_follows_the_monotonic_clock(machine: Machine) -> None:
    clock = machine.clock()
    with capture_logs() as lines:
        for _ in range(1_000):
            machine.run(0.37)
            assert clock.now() == pytest.approx(machine.wall, abs=1e-3)
    assert lines == []


def test_small_corrections_of_the_calendar_do_not_move_it(machine: Machine) -> None:
    clock = machine.clock()
    machine.wall += TOLERANCE_SECONDS * 0.9
    machine.run(10)
    assert clock.now() == pytest.approx(START + 10)
    machine.wall -= TOLERANCE_SECONDS * 1.8
    machine.run(10)
    assert clock.now() == pytest.approx(START + 20)


def test_corrections_that_add_up_are_followed(machine: Machine) -> None:
    clock = machine.clock()
    for _ in range(100):
        machine.wall += 0.4
        machine.run(1)
        assert abs(clock.now() - machine.wall) <= TOLERANCE_SECONDS


def test_after_a_suspension_the_clock_follows_the_calendar(machine: Machine) -> None:
    clock = machine.clock()
    machine.run(10)
    clock.now()
    machine.suspend(8 * HOUR)
    with capture_logs() as lines:
        assert clock.now() == machine.wall
    assert [(line["event"], line["log_level"], round(line["seconds"])) for line in lines] == [
        ("clock.adjusted", "warning", 8 * 3600)
    ]
    machine.run(5)
    assert clock.now() == pytest.approx(machine.wall)


def test_a_start_before_ntp_takes_the_calendar_once_it_is_set(machine: Machine) -> None:
    right, machine.wall = machine.wall, 946_684_800.0  # 2000-01-01, as after a flat battery
    clock = machine.clock()
    machine.run(MINUTE)
    assert clock.now() == pytest.approx(946_684_860.0)
    machine.wall = right
    machine.run(1)
    with capture_logs() as lines:
        assert clock.now() == pytest.approx(right + 1)
        machine.run(DAY)
        assert clock.now() == pytest.approx(right + 1 + DAY)
    assert len(lines) == 1


def test_a_calendar_set_back_an_hour_neither_stops_time_nor_takes_it_back(machine: Machine) -> None:
    clock = machine.clock()
    clock.now()
    machine.wall -= HOUR
    with capture_logs() as lines:
        earlier = clock.now()
        for _ in range(int(11 * HOUR / 30)):
            machine.run(30)
            now = clock.now()
            assert SLOW_RATE * 30 - 1e-3 <= now - earlier <= 30 + 1e-3
            earlier = now
    assert [(line["event"], round(line["seconds"])) for line in lines] == [("clock.adjusted", -3600)]
    assert abs(earlier - machine.wall) <= TOLERANCE_SECONDS


def test_a_calendar_step_back_and_forth_between_readings_is_no_step(machine: Machine) -> None:
    clock = machine.clock()
    machine.wall -= HOUR
    machine.run(1)
    clock.now()
    machine.wall += HOUR
    machine.run(1)
    assert clock.now() == pytest.approx(START + 2, abs=TOLERANCE_SECONDS)


def test_the_calendar_is_read_as_it_is(machine: Machine) -> None:
    clock = machine.clock()
    machine.wall -= HOUR
    assert clock.wall() == START - HOUR


def test_a_process_that_is_stopped_between_two_readings_does_not_take_the_pause_for_a_difference() -> None:
    readings = iter([100.0, 100.0, 8_000.0, 8_000.0, 8_000.0, 8_000.0, 8_000.0, 8_000.0])
    clock = SystemClock(wall=lambda: START + 7_900.0, monotonic=lambda: next(readings))
    clock._anchor_now = START
    assert clock.now() == START + 7_900.0
    assert clock.now() == START + 7_900.0


def test_ids_follow_each_other_whatever_happens_to_the_calendar(machine: Machine) -> None:
    ids = Ids(machine.clock())
    created = []
    for jump in (0.0, HOUR, -2 * HOUR, YEAR, -DAY):
        machine.wall += jump
        for _ in range(3):
            machine.run(0.3)
            created.append(ids.make("dlv"))
    assert created == sorted(created)


async def test_a_sleep_ends_by_the_clock_although_the_timers_of_the_loop_stood_still(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_module, "_SLEEP_SECONDS", 0.005)
    clock = machine.clock()
    sleeping = asyncio.create_task(clock.sleep(HOUR))
    await asyncio.sleep(0.02)
    assert not sleeping.done()
    machine.suspend(2 * HOUR)
    async with asyncio.timeout(5):
        await sleeping


@pytest.fixture
async def engine(tmp_path: Path, machine: Machine) -> AsyncIterator[RunningEngine]:
    """Run an engine by the clock of the machine; nothing wakes it by itself while time stands still."""
    sender = ScriptedSender()
    settings = settings_for(tmp_path, drain_seconds=0)
    async with Runtime(settings, clock=machine.clock(), sender=sender, draw=lambda: 0.5) as runtime:
        yield RunningEngine(runtime, ManualClock(), sender)


async def failed_once(engine: RunningEngine, *delays: float) -> str:
    """Send a message whose first attempt fails; return its delivery."""
    retry = {"delays": list(delays), "jitter": 0}
    endpoint_id = await engine.endpoint(retry=retry)
    engine.sender.script("billing.example", Response(500))
    delivery_id = await engine.send_one(endpoint_ids=(endpoint_id,))
    await engine.attempted(delivery_id, 1)
    return delivery_id


def wake(engine: RunningEngine) -> None:
    engine.runtime._dispatcher._timer_changed.set()


async def test_deliveries_that_became_due_during_a_suspension_are_sent(
    engine: RunningEngine, machine: Machine
) -> None:
    delivery_id = await failed_once(engine, HOUR)
    machine.suspend(2 * HOUR)
    wake(engine)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    attempts = (await engine.detail(delivery_id)).attempts
    assert max(attempt.started_at for attempt in attempts) == pytest.approx(machine.wall, abs=1)


async def test_a_calendar_set_back_an_hour_does_not_delay_a_retry(
    engine: RunningEngine, machine: Machine
) -> None:
    delivery_id = await failed_once(engine, MINUTE)
    machine.wall -= HOUR
    machine.run(MINUTE / 2)
    wake(engine)
    await engine.quiet()
    assert await engine.state(delivery_id) is DeliveryState.PENDING
    for _ in range(4):
        machine.run(MINUTE / 4)
        wake(engine)
        await engine.quiet()
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
