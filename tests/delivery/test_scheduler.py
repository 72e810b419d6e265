"""The scheduler shares slots among lanes, and its queues hold each lane once."""

import random

import pytest

from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.delivery.lane import Fetch, Lane, Step, WaitForEvent, WaitUntil
from breakwater.core.delivery.rate_limit import RateLimit
from breakwater.core.delivery.scheduler import Scheduler, Slot
from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState
from breakwater.core.domain.retry import RetryPolicy
from breakwater.core.domain.states import EndpointState, SignatureScheme
from tests.fakes import ManualClock

CONFIG = CircuitBreakerConfig(failure_threshold=1, success_threshold=1, timeout_seconds=60)
SLOTS = 4


def target(endpoint_id: str, **changes: object) -> DeliveryTarget:
    fields: dict[str, object] = {
        "id": endpoint_id,
        "target": None,
        "refusal": None,
        "subscribes_to": None,
        "state": EndpointState.ENABLED,
        "timeout": 10.0,
        "policy": RetryPolicy((1.0,), 0.0),
        "circuit": CONFIG,
        "max_in_flight": 64,
        "rate_limit": None,
        "headers": (),
        "signature": SignatureScheme.STANDARD,
        "secrets": (),
        "old_secret_until": None,
        "throttled_until": None,
    }
    return DeliveryTarget(**(fields | changes))  # type: ignore[arg-type]  # fields of every type


class NoEndpoints:
    """An endpoint cache that no lane needs: the test opens each."""

    def get(self, _endpoint_id: str) -> None:
        return None


class Fixture:
    """A scheduler of four slots, and the lanes that fetched."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.fetched: list[str] = []
        self.timer_changes = 0
        self.scheduler = Scheduler(
            NoEndpoints(),  # type: ignore[arg-type]  # only `get` is needed
            self.clock,
            max_in_flight=SLOTS,
            fetch=self.fetch,
            on_timer=self.on_timer,
        )

    def fetch(self, lane: Lane, _limit: int) -> None:
        self.fetched.append(lane.endpoint.id)

    def on_timer(self) -> None:
        self.timer_changes += 1

    def lane(self, endpoint_id: str, **changes: object) -> Lane:
        return self.scheduler.open_lane(target(endpoint_id, **changes), CircuitBreaker(CONFIG))

    def take_all_slots(self) -> list[Slot]:
        lane = self.lane("full")
        return [self.scheduler.take_slot(lane) for _ in range(SLOTS)]


@pytest.fixture
def fixture() -> Fixture:
    return Fixture()


def test_a_lane_scheduled_repeatedly_is_queued_once(fixture: Fixture) -> None:
    fixture.take_all_slots()
    fixture.lane("waiting")
    for _ in range(1000):
        fixture.scheduler.note_due("waiting")
    assert len(fixture.scheduler._waiting_for_slot) == 1
    assert fixture.fetched == []


def test_a_released_slot_skips_lanes_that_cannot_use_it(fixture: Fixture) -> None:
    slots = fixture.take_all_slots()
    for name in ("paused", "open", "deleted", "throttled", "ready", "later"):
        fixture.lane(name)
        fixture.scheduler.note_due(name)
    fixture.scheduler.reconfigure("paused", target("paused", state=EndpointState.PAUSED))
    lane = fixture.scheduler.lane("open")
    assert lane is not None
    lane.breaker.record_failure(now=fixture.clock.now())
    fixture.scheduler.reconfigure("deleted", None)
    fixture.scheduler.reconfigure("throttled", target("throttled", throttled_until=fixture.clock.now() + 9))
    slots[0].release()
    assert fixture.fetched == ["ready"]
    assert list(fixture.scheduler._waiting_for_slot) == [fixture.scheduler.lane("later")]


def test_a_fetch_that_finds_nothing_leaves_the_slot_to_the_next_lane(fixture: Fixture) -> None:
    slots = fixture.take_all_slots()
    first = fixture.lane("first")
    fixture.lane("second")
    for name in ("first", "second"):
        fixture.scheduler.note_due(name)
    slots[0].release()
    fixture.scheduler.end_fetch(first, None)
    assert fixture.fetched == ["first", "second"]


def test_a_slot_released_twice_counts_once(fixture: Fixture) -> None:
    slots = fixture.take_all_slots()
    for _ in range(3):
        slots[0].release()
    assert fixture.scheduler.in_flight == SLOTS - 1


def test_the_slots_of_a_deleted_endpoint_are_released_to_the_process(fixture: Fixture) -> None:
    slots = fixture.take_all_slots()
    fixture.lane("waiting")
    fixture.scheduler.note_due("waiting")
    fixture.scheduler.reconfigure("full", None)
    for slot in slots:
        slot.release()
    assert fixture.scheduler.in_flight == 0
    assert not fixture.scheduler._busy
    assert fixture.fetched == ["waiting"]


def test_replaced_timers_do_not_accumulate(fixture: Fixture) -> None:
    fixture.lane("slow", rate_limit=None)
    for _ in range(10_000):
        fixture.scheduler.note_due("slow", fixture.clock.now() + 36_000)
        fixture.scheduler.note_due("slow", fixture.clock.now() + 1)
        fixture.clock._now += 1
        lane = fixture.scheduler.lane("slow")
        assert lane is not None
        fixture.scheduler.run_timers()
        fixture.scheduler.end_fetch(lane, fixture.clock.now() + 36_000)
    assert len(fixture.scheduler._timers) < 100


def test_only_an_earlier_timer_wakes_the_loop(fixture: Fixture) -> None:
    for name in ("a", "b", "c"):
        fixture.lane(name)
    now = fixture.clock.now()
    for name, due in (("a", 10.0), ("b", 20.0), ("a", 30.0), ("c", 5.0)):
        fixture.scheduler.note_due(name, now + due)
    assert fixture.timer_changes == 2
    assert fixture.scheduler.next_timer() == now + 5.0


def test_a_lane_due_now_runs_once_per_round(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[float] = []

    def wait_until_now(_lane: Lane, now: float, _share: int) -> Step:
        steps.append(now)
        assert len(steps) < 10, "the round does not end"
        return WaitUntil(now)

    fixture.lane("a")
    fixture.scheduler.note_due("a", fixture.clock.now() + 1)
    monkeypatch.setattr(Lane, "next_step", wait_until_now)
    fixture.clock._now += 1
    fixture.scheduler.run_timers()
    assert steps == [fixture.clock.now()]


@pytest.mark.parametrize("start", [0.0, 1_790_000_000.1, 1_790_000_000.7])
@pytest.mark.parametrize("spent", ["all", "some"])
def test_a_token_is_available_at_the_announced_time_for_any_rate_limit(start: float, spent: str) -> None:
    for rate in range(1, 1001):
        limit = RateLimit(float(rate))
        now = start
        limit.take(limit.available(now) or 0)
        for _ in range(20):
            if spent == "some":
                now += 0.3 / rate
                limit.available(now)
            at = limit.next_at(now)
            assert at > now
            now = at
            assert limit.available(now) == 1, rate
            assert limit.next_at(now) > now
            limit.take(1)


def test_the_number_of_taken_slots_equals_the_unreleased_slots() -> None:
    draw = random.Random(7)
    fixture = Fixture()
    held: list[Slot] = []
    for _ in range(5000):
        name = f"lane{draw.randrange(6)}"
        match draw.randrange(5):
            case 0:
                lane = fixture.scheduler.lane(name) or fixture.lane(name)
                held.append(fixture.scheduler.take_slot(lane))
            case 1:
                if (slot := fixture.scheduler.reserve(name)) is not None:
                    held.append(slot)
            case 2 if held:
                held.pop(draw.randrange(len(held))).release()
            case 3:
                fixture.scheduler.reconfigure(name, None if draw.random() < 0.5 else target(name))
            case _:
                fixture.scheduler.note_due(name)
        assert fixture.scheduler.in_flight == len(held)
        assert sum(lane.in_flight for lane in fixture.scheduler._busy) == len(held)
    for slot in held:
        slot.release()
    assert fixture.scheduler.in_flight == 0
    assert len(fixture.scheduler._waiting_for_slot) <= 6


def test_a_lane_with_a_small_share_claims_before_its_last_attempt_ends(fixture: Fixture) -> None:
    lane = fixture.lane("a", max_in_flight=64)
    now = fixture.clock.now()
    lane.note_due(now)
    for _ in range(2):
        lane.take_slot()
    assert lane.next_step(now, share=2) == Fetch(2)


def test_a_lane_waits_until_a_quarter_of_its_share_is_free(fixture: Fixture) -> None:
    lane = fixture.lane("a", max_in_flight=64)
    now = fixture.clock.now()
    lane.note_due(now)
    for _ in range(14):
        lane.take_slot()
    assert lane.next_step(now, share=2) == WaitForEvent()
    assert lane.next_step(now, share=6) == Fetch(6)


def test_settings_that_were_read_earlier_do_not_shorten_a_pause(fixture: Fixture) -> None:
    lane = fixture.lane("a")
    now = fixture.clock.now()
    lane.throttle(now + 300)
    for earlier in (None, now + 30):
        lane.reconfigure(target("a", throttled_until=earlier))
        lane.note_due(now)
        assert lane.next_step(now, share=4) == WaitUntil(now + 300)


# --- circuits


def closed_again(breaker: CircuitBreaker, now: float) -> CircuitBreaker:
    breaker.record_failure(now=now)
    assert breaker.can_execute(now=now + 61)
    breaker.record_success(now=now + 61)
    return breaker


def test_a_lane_ignores_an_earlier_generation_of_its_circuit(fixture: Fixture) -> None:
    lane = fixture.lane("a")
    earlier = CircuitBreaker(CONFIG)
    later = CircuitBreaker(CONFIG)
    later.record_failure(now=fixture.clock.now())
    assert lane.on_circuit_change(later)
    assert not lane.on_circuit_change(earlier)
    assert lane.breaker.state is CircuitState.OPEN


def test_a_lane_takes_newer_counts_of_the_same_generation(fixture: Fixture) -> None:
    lane = fixture.scheduler.open_lane(
        target("a", circuit=CircuitBreakerConfig()), CircuitBreaker(CircuitBreakerConfig())
    )
    counted = CircuitBreaker(lane.endpoint.circuit, failure_count=3)
    assert not lane.on_circuit_change(counted)
    assert lane.breaker.failure_count == 3


def test_a_lane_that_missed_an_outage_starts_slowly_too(fixture: Fixture) -> None:
    lane = fixture.lane("a")
    lane.on_circuit_change(closed_again(CircuitBreaker(CONFIG), fixture.clock.now()))
    assert (lane.breaker.state, lane.limit) == (CircuitState.CLOSED, 1)


def test_changed_circuit_settings_apply_to_the_circuit_that_is_open_now(fixture: Fixture) -> None:
    lane = fixture.lane("a")
    lane.breaker.record_failure(now=fixture.clock.now())
    fixture.scheduler.note_due("a")
    assert fixture.scheduler.next_timer() == fixture.clock.now() + 60
    shorter = CircuitBreakerConfig(failure_threshold=1, success_threshold=1, timeout_seconds=5)
    fixture.scheduler.reconfigure("a", target("a", circuit=shorter))
    assert fixture.scheduler.next_timer() == pytest.approx(fixture.clock.now() + 5)
