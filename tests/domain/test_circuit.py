"""The circuit breaker, rule by rule."""

import time
from copy import deepcopy
from dataclasses import fields, replace

import pytest

from core.domain.circuit import (
    SERVICE_CIRCUIT,
    CircuitBreaker,
    CircuitBreakerConfig,
    CircuitState,
    Hold,
    Transition,
)
from core.domain.errors import InvalidInput

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
MONTH = 30 * 86_400.0


def opened(config: CircuitBreakerConfig | None = None, *, at: float = 1000.0) -> CircuitBreaker:
    """Return a breaker that `failure_threshold` failures opened at `at`."""
    breaker = CircuitBreaker(config=config or CircuitBreakerConfig())
    for _ in range(breaker.config.failure_threshold):
        breaker.record_failure(now=at)
    return breaker


def half_open(config: CircuitBreakerConfig | None = None, *, at: float = 1000.0) -> CircuitBreaker:
    """Return a breaker that a person let probe at `at`; no permit is taken."""
    breaker = opened(config, at=at)
    breaker.probe(now=at)
    breaker.drain_transitions()
    return breaker


def hold(*, since: float = 1000.0, until: float | None = None) -> Hold:
    return Hold("receiver is being moved", since=since, until=until, by="person:ada")


def causes(breaker: CircuitBreaker) -> list[str]:
    return [transition.cause for transition in breaker.drain_transitions()]


class TestTheClassicMachine:
    """Used by the specification's names alone, with no time given."""

    def test_it_starts_closed_with_nothing_counted(self) -> None:
        breaker = CircuitBreaker(config=CircuitBreakerConfig())
        assert (breaker.state, breaker.failure_count, breaker.success_count) == (CLOSED, 0, 0)
        assert breaker.last_failure_time is None
        assert breaker.half_open_calls == 0
        assert breaker.can_execute()

    def test_it_has_the_defaults_of_the_specification(self) -> None:
        config = CircuitBreakerConfig()
        assert (config.failure_threshold, config.success_threshold) == (5, 2)
        assert (config.timeout_seconds, config.half_open_max_calls) == (60.0, 3)
        assert CircuitBreaker().config == config

    def test_its_first_fields_are_those_of_the_specification_in_their_order(self) -> None:
        assert [field.name for field in fields(CircuitBreaker)][:6] == [
            "config",
            "state",
            "failure_count",
            "success_count",
            "last_failure_time",
            "half_open_calls",
        ]

    def test_a_failure_is_counted_and_dated_by_the_systems_clock(self) -> None:
        breaker = CircuitBreaker()
        before = time.time()
        breaker.record_failure()
        assert breaker.failure_count == 1
        assert before <= (breaker.last_failure_time or 0.0) <= time.time()

    def test_it_opens_at_the_threshold_and_refuses(self) -> None:
        breaker = CircuitBreaker(config=CircuitBreakerConfig(failure_threshold=3))
        for _ in range(3):
            assert breaker.can_execute()
            breaker.record_failure()
        assert breaker.state == OPEN
        assert not breaker.can_execute()

    def test_a_success_forgets_the_failures_before_it(self) -> None:
        breaker = CircuitBreaker()
        for _ in range(4):
            breaker.record_failure()
        breaker.record_success()
        assert breaker.failure_count == 0
        breaker.record_failure()
        assert breaker.state == CLOSED

    def test_after_the_timeout_it_half_opens_and_closes_on_successes(self) -> None:
        breaker = CircuitBreaker(config=CircuitBreakerConfig(failure_threshold=1, timeout_seconds=0.0))
        breaker.record_failure()
        assert breaker.can_execute()
        assert breaker.state == HALF_OPEN
        breaker.record_success()
        assert breaker.success_count == 1
        breaker.record_success()
        assert (breaker.state, breaker.failure_count, breaker.success_count) == (CLOSED, 0, 0)

    def test_half_open_counts_its_calls_and_stops_at_the_limit(self) -> None:
        breaker = CircuitBreaker(config=CircuitBreakerConfig(failure_threshold=1, timeout_seconds=0.0))
        breaker.record_failure()
        assert [breaker.can_execute() for _ in range(5)] == [True, True, True, False, False]
        assert breaker.half_open_calls == 3
        breaker.record_success()
        assert breaker.half_open_calls == 2

    def test_a_failure_in_half_open_opens_it_again(self) -> None:
        breaker = CircuitBreaker(config=CircuitBreakerConfig(failure_threshold=1), state=HALF_OPEN)
        breaker.record_failure()
        assert breaker.state == OPEN
        assert not breaker.can_execute()

    def test_fields_set_by_hand_are_taken_at_their_word(self) -> None:
        breaker = CircuitBreaker()
        breaker.state = OPEN
        breaker.last_failure_time = time.time() - 59
        assert not breaker.can_execute()
        breaker.last_failure_time = time.time() - 61
        assert breaker.can_execute()
        breaker.half_open_calls = 3
        assert not breaker.can_execute()
        breaker.half_open_calls = 0
        assert breaker.can_execute()

    def test_half_open_calls_given_to_the_constructor_count(self) -> None:
        breaker = CircuitBreaker(state=HALF_OPEN, half_open_calls=2)
        assert breaker.can_execute()
        assert not breaker.can_execute()

    def test_an_open_circuit_of_unknown_age_may_be_tried(self) -> None:
        assert CircuitBreaker(state=OPEN).can_execute()

    def test_its_states_are_the_words_of_the_specification(self) -> None:
        assert [state.value for state in CircuitState] == ["closed", "open", "half_open"]
        assert isinstance(CLOSED, str)


class TestClosed:
    def test_it_admits_any_number_of_calls_without_permits(self) -> None:
        breaker = CircuitBreaker()
        assert all(breaker.can_execute(now=1.0) for _ in range(1000))
        assert breaker.half_open_calls == 0

    def test_it_opens_with_the_cause_in_words(self) -> None:
        assert opened().drain_transitions() == (
            Transition(1000.0, CLOSED, OPEN, "5 failures in a row", 5, 0),
        )

    def test_one_failure_is_said_in_the_singular(self) -> None:
        assert causes(opened(CircuitBreakerConfig(failure_threshold=1))) == ["1 failure in a row"]

    @pytest.mark.parametrize("act", ["can_execute", "record_success", "release", "probe", "lift_hold"])
    def test_nothing_leads_from_closed_to_half_open(self, act: str) -> None:
        breaker = CircuitBreaker()
        breaker.record_failure(now=1.0)
        getattr(breaker, act)(now=1000.0)
        assert breaker.state == CLOSED
        assert breaker.drain_transitions() == ()


class TestTheShareOfFailures:
    CONFIG = replace(SERVICE_CIRCUIT, failure_threshold=100, timeout_jitter=0.0)

    def test_four_failures_and_one_success_for_ever_do_not_stay_closed(self) -> None:
        breaker = CircuitBreaker(config=SERVICE_CIRCUIT)
        for call in range(100):
            if call % 5 == 4:
                breaker.record_success(now=float(call))
            else:
                breaker.record_failure(now=float(call))
        assert causes(breaker) == ["17 of 21 calls failed in 60 s"]

    def test_it_says_how_many_of_how_many_in_which_time(self) -> None:
        breaker = CircuitBreaker(config=self.CONFIG)
        for call in range(20):
            record = breaker.record_failure if call >= 8 else breaker.record_success
            record(now=1000.0 + call)
        assert causes(breaker) == ["12 of 20 calls failed in 60 s"]

    def test_below_the_minimum_of_calls_it_says_nothing(self) -> None:
        breaker = CircuitBreaker(config=self.CONFIG)
        for _ in range(19):
            breaker.record_failure(now=1000.0)
        assert breaker.state == CLOSED

    def test_below_its_threshold_it_stays_closed(self) -> None:
        breaker = CircuitBreaker(config=self.CONFIG)
        for _ in range(20):
            breaker.record_success(now=1000.0)
        for _ in range(19):
            breaker.record_failure(now=1000.0)
        assert breaker.state == CLOSED
        breaker.record_failure(now=1000.0)
        assert breaker.state == OPEN

    def test_calls_before_the_window_do_not_count(self) -> None:
        breaker = CircuitBreaker(config=self.CONFIG)
        for _ in range(19):
            breaker.record_failure(now=1000.0)
        assert breaker.recent(now=1059.9) == (19, 19)
        assert breaker.recent(now=1060.0) == (0, 0)
        breaker.record_failure(now=1060.0)
        assert breaker.state == CLOSED

    def test_the_many_successes_of_a_busy_endpoint_are_weighed(self) -> None:
        breaker = CircuitBreaker(config=self.CONFIG)
        for call in range(5000):
            breaker.record_success(now=1000.0 + call / 100)
        for _ in range(50):
            breaker.record_failure(now=1050.0)
        assert breaker.state == CLOSED

    def test_it_begins_anew_after_a_close(self) -> None:
        breaker = CircuitBreaker(config=self.CONFIG)
        for _ in range(20):
            breaker.record_failure(now=1000.0)
        breaker.probe(now=1001.0)
        breaker.record_success(now=1001.0)
        breaker.record_success(now=1001.0)
        assert breaker.state == CLOSED
        assert breaker.recent(now=1001.0) == (0, 0)
        breaker.record_failure(now=1002.0)
        assert breaker.state == CLOSED

    def test_probes_are_not_part_of_it(self) -> None:
        breaker = half_open(self.CONFIG)
        before = list(breaker.window)
        breaker.record_success(now=1001.0)
        breaker.record_failure(now=1001.0)
        assert breaker.window == before

    @pytest.mark.parametrize("window", [1.0, 60.0, 61.0, 3600.0, 86_400.0])
    def test_what_is_kept_of_it_is_bounded(self, window: float) -> None:
        breaker = CircuitBreaker(config=replace(self.CONFIG, window_seconds=window))
        for call in range(3000):
            breaker.record_success(now=1000.0 + call * window / 700)
        assert len(breaker.window) <= 61
        assert breaker.recent(now=1000.0 + 3000 * window / 700)[0] <= 701

    def test_the_classic_machine_keeps_none(self) -> None:
        breaker = CircuitBreaker()
        breaker.record_success(now=1.0)
        breaker.record_failure(now=1.0)
        assert breaker.window == []

    def test_a_result_that_arrives_late_is_counted(self) -> None:
        breaker = CircuitBreaker(config=self.CONFIG)
        breaker.record_failure(now=1005.0)
        breaker.record_failure(now=1003.0)
        assert breaker.window == [(1005, 0, 2)]
        assert breaker.recent(now=1005.0) == (2, 2)

    def test_it_is_calm_while_it_remembers_no_failure(self) -> None:
        breaker = CircuitBreaker(config=self.CONFIG)
        breaker.record_success(now=1000.0)
        assert breaker.calm
        breaker.record_failure(now=1000.0)
        breaker.record_success(now=1001.0)
        assert breaker.failure_count == 0
        assert not breaker.calm
        breaker.record_success(now=1060.0)
        assert breaker.calm

    def test_it_is_not_calm_while_open_or_half_open(self) -> None:
        assert not opened().calm
        assert not half_open().calm


class TestOpen:
    def test_it_lets_nothing_through_before_its_time(self) -> None:
        breaker = opened()
        assert not breaker.can_execute(now=1059.999)
        assert breaker.state == OPEN

    def test_it_half_opens_for_the_first_call_after_its_time(self) -> None:
        breaker = opened()
        breaker.drain_transitions()
        assert breaker.can_execute(now=1060.0)
        assert breaker.drain_transitions() == (
            Transition(1060.0, OPEN, HALF_OPEN, "the cooldown ended", 5, 0),
        )

    def test_results_that_arrive_while_it_is_open_change_nothing(self) -> None:
        breaker = opened()
        before = deepcopy(breaker)
        breaker.record_success(now=1030.0)
        breaker.record_failure(now=1030.0)
        breaker.release(now=1030.0)
        assert breaker == before

    def test_it_says_when_to_ask_again(self) -> None:
        breaker = opened()
        assert breaker.next_admission_at(now=1010.0) == 1060.0
        assert breaker.next_admission_at(now=1060.0) is None

    def test_asking_whether_it_would_admit_changes_nothing(self) -> None:
        breaker = opened()
        before = deepcopy(breaker)
        assert not breaker.admits(now=1059.0)
        assert breaker.admits(now=1060.0)
        assert breaker == before

    def test_shortening_the_timeout_frees_the_circuit_that_is_open_now(self) -> None:
        breaker = opened()
        breaker.config = CircuitBreakerConfig(timeout_seconds=5.0)
        assert breaker.next_admission_at(now=1001.0) == 1005.0
        assert breaker.can_execute(now=1005.0)

    def test_lengthening_the_timeout_does_not_prolong_what_was_promised(self) -> None:
        breaker = opened()
        breaker.config = CircuitBreakerConfig(timeout_seconds=600.0)
        assert breaker.can_execute(now=1060.0)


class TestHalfOpen:
    def test_no_more_than_the_permits_are_let_through(self) -> None:
        breaker = half_open()
        assert [breaker.can_execute(now=1001.0) for _ in range(10)] == [True] * 3 + [False] * 7

    def test_a_result_gives_its_permit_back(self) -> None:
        breaker = half_open(CircuitBreakerConfig(half_open_max_calls=1, success_threshold=5))
        assert breaker.can_execute(now=1001.0)
        assert not breaker.can_execute(now=1002.0)
        breaker.record_success(now=1003.0)
        assert breaker.can_execute(now=1003.0)

    def test_a_call_that_says_nothing_gives_its_permit_back_and_counts_nothing(self) -> None:
        breaker = half_open(CircuitBreakerConfig(half_open_max_calls=1))
        breaker.can_execute(now=1001.0)
        breaker.release(now=1002.0)
        assert (breaker.half_open_calls, breaker.success_count, breaker.state) == (0, 0, HALF_OPEN)
        assert breaker.can_execute(now=1002.0)

    def test_the_permit_of_a_worker_that_died_expires(self) -> None:
        breaker = half_open(CircuitBreakerConfig(half_open_max_calls=1))
        assert breaker.can_execute(now=1001.0, permit_seconds=25.0)
        assert not breaker.can_execute(now=1025.9)
        assert breaker.next_admission_at(now=1010.0) == 1026.0
        assert breaker.admits(now=1026.0)
        assert breaker.can_execute(now=1026.0)
        assert breaker.half_open_calls == 1

    def test_the_permit_given_back_is_the_one_that_would_expire_first(self) -> None:
        """Permits bear no names. A live call must never be left with less time than it took."""
        breaker = half_open(CircuitBreakerConfig(half_open_max_calls=2, success_threshold=9))
        breaker.can_execute(now=1001.0, permit_seconds=60.0)
        breaker.can_execute(now=1001.0, permit_seconds=10.0)
        breaker.record_success(now=1002.0)
        assert breaker.permits == [1061.0]

    def test_asking_whether_it_would_admit_takes_no_permit(self) -> None:
        breaker = half_open(CircuitBreakerConfig(half_open_max_calls=1))
        assert breaker.admits(now=1001.0)
        assert breaker.admits(now=1001.0)
        assert breaker.half_open_calls == 0

    def test_successes_close_it_and_clear_every_counter(self) -> None:
        breaker = half_open()
        breaker.record_success(now=1001.0)
        breaker.record_success(now=1002.0)
        assert breaker.drain_transitions() == (
            Transition(1002.0, HALF_OPEN, CLOSED, "2 probes succeeded", 5, 2),
        )
        assert breaker == CircuitBreaker(last_failure_time=1000.0, generation=breaker.generation)

    def test_one_success_of_one_is_said_in_the_singular(self) -> None:
        breaker = half_open(CircuitBreakerConfig(success_threshold=1))
        breaker.record_success(now=1001.0)
        assert causes(breaker) == ["1 probe succeeded"]

    def test_one_failure_opens_it_again_and_says_what_it_met(self) -> None:
        breaker = half_open()
        breaker.record_success(now=1001.0)
        breaker.record_failure(now=1002.0, cause="connection refused")
        assert breaker.state == OPEN
        assert breaker.success_count == 0
        assert causes(breaker) == ["a probe failed: connection refused"]

    def test_a_single_success_share_does_not_close_it(self) -> None:
        """One success in twenty would, where a share decides; here the first failure of the twenty reopens it."""
        breaker = half_open()
        breaker.record_success(now=1001.0)
        breaker.record_failure(now=1001.0)
        breaker.record_success(now=1001.0)
        assert breaker.state == OPEN

    def test_permits_of_the_old_half_open_do_not_bind_the_new_one(self) -> None:
        breaker = half_open()
        for _ in range(3):
            breaker.can_execute(now=1001.0)
        breaker.record_failure(now=1002.0)
        assert breaker.half_open_calls == 0
        assert [breaker.can_execute(now=1062.0) for _ in range(4)] == [True] * 3 + [False]

    def test_permits_stored_with_a_circuit_bind_it_when_it_is_read_back(self) -> None:
        breaker = CircuitBreaker(state=HALF_OPEN, permits=[1010.0, 1020.0, 1030.0])
        assert breaker.half_open_calls == 3
        assert not breaker.can_execute(now=1009.0)
        assert breaker.can_execute(now=1010.0)


class TestTheCooldown:
    GROWING = CircuitBreakerConfig(timeout_multiplier=2.0, max_timeout_seconds=300.0)

    def test_each_reopening_waits_longer_up_to_the_cap(self) -> None:
        breaker = opened(self.GROWING)
        waits = []
        for _ in range(5):
            retry_at = breaker.next_admission_at(now=breaker.last_failure_time)
            waits.append(retry_at - breaker.last_failure_time)
            breaker.can_execute(now=retry_at)
            breaker.record_failure(now=retry_at)
        assert waits == [60.0, 120.0, 240.0, 300.0, 300.0]

    def test_closing_resets_it(self) -> None:
        breaker = opened(self.GROWING)
        breaker.can_execute(now=1060.0)
        breaker.record_failure(now=1060.0)
        breaker.can_execute(now=1180.0)
        breaker.record_success(now=1180.0)
        breaker.record_success(now=1180.0)
        assert breaker.reopenings == 0
        for _ in range(5):
            breaker.record_failure(now=2000.0)
        assert breaker.retry_at == 2060.0

    def test_the_classic_machine_always_waits_the_same(self) -> None:
        config = CircuitBreakerConfig(timeout_seconds=30.0)
        assert {config.cooldown(reopenings) for reopenings in range(100)} == {30.0}

    def test_it_never_overflows(self) -> None:
        config = CircuitBreakerConfig(timeout_multiplier=10.0)
        assert config.cooldown(10**6) == 86_400.0

    def test_a_timeout_above_the_default_cap_is_kept(self) -> None:
        assert CircuitBreakerConfig(timeout_seconds=100_000.0).cooldown(0) == 100_000.0

    @pytest.mark.parametrize(("draw", "wait"), [(0.0, 54.0), (0.25, 57.0), (0.5, 60.0), (1.0, 66.0)])
    def test_jitter_is_placed_by_the_draw(self, draw: float, wait: float) -> None:
        breaker = CircuitBreaker(config=CircuitBreakerConfig(failure_threshold=1, timeout_jitter=0.1))
        breaker.record_failure(now=1000.0, draw=draw)
        assert breaker.retry_at == pytest.approx(1000.0 + wait)

    def test_jitter_spreads_circuits_that_are_at_their_cap_too(self) -> None:
        waits = [SERVICE_CIRCUIT.cooldown(20, draw / 10) for draw in range(10)]
        assert len(set(waits)) == 10
        assert max(waits) <= SERVICE_CIRCUIT.cooldown(20, 1.0) == pytest.approx(3600.0)

    def test_the_service_doubles_up_to_an_hour(self) -> None:
        middles = [SERVICE_CIRCUIT.cooldown(reopenings) for reopenings in range(8)]
        assert middles[:6] == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0]
        assert middles[6] == middles[7] == pytest.approx(3600.0 / 1.1)


class TestSinceWhen:
    def test_it_remembers_when_the_run_of_failures_began(self) -> None:
        breaker = opened()
        breaker.can_execute(now=1060.0)
        breaker.record_failure(now=1061.0)
        assert breaker.opened_at == 1000.0

    def test_a_probe_that_succeeds_begins_the_run_anew(self) -> None:
        breaker = opened()
        breaker.can_execute(now=1060.0)
        breaker.record_success(now=1061.0)
        breaker.record_failure(now=1062.0)
        assert breaker.opened_at == 1062.0

    def test_closing_ends_the_run(self) -> None:
        breaker = half_open()
        breaker.record_success(now=1001.0)
        breaker.record_success(now=1001.0)
        assert breaker.opened_at is None

    def test_the_time_of_a_hold_is_not_counted_against_the_endpoint(self) -> None:
        breaker = opened()
        breaker.hold_open(hold=hold(), now=1001.0)
        breaker.lift_hold(now=1000.0 + MONTH)
        breaker.record_failure(now=1001.0 + MONTH)
        assert breaker.opened_at == 1001.0 + MONTH


class TestStaleResults:
    def test_a_success_of_an_earlier_generation_does_not_close_the_circuit(self) -> None:
        breaker = CircuitBreaker(config=CircuitBreakerConfig(success_threshold=1))
        slow_call = breaker.generation
        for _ in range(5):
            breaker.record_failure(now=1000.0)
        breaker.can_execute(now=1060.0)
        before = deepcopy(breaker)
        breaker.record_success(now=1061.0, generation=slow_call)
        assert breaker == before

    def test_a_failure_of_an_earlier_generation_does_not_reopen_the_circuit(self) -> None:
        breaker = CircuitBreaker()
        slow_call = breaker.generation
        for _ in range(5):
            breaker.record_failure(now=1000.0)
        breaker.can_execute(now=1060.0)
        before = deepcopy(breaker)
        breaker.record_failure(now=1061.0, generation=slow_call)
        breaker.release(now=1061.0, generation=slow_call)
        assert breaker == before

    def test_a_failed_probe_of_before_a_reset_does_not_count_after_it(self) -> None:
        breaker = half_open()
        breaker.can_execute(now=1001.0)
        probe = breaker.generation
        breaker.reset(now=1002.0)
        breaker.record_failure(now=1003.0, generation=probe)
        assert breaker.failure_count == 0

    def test_fifty_results_at_once_make_one_transition(self) -> None:
        breaker = CircuitBreaker()
        admitted_in = breaker.generation
        for _ in range(50):
            breaker.record_failure(now=1000.0, generation=admitted_in)
        assert len(breaker.drain_transitions()) == 1

    def test_fifty_failed_probes_reopen_it_once(self) -> None:
        breaker = half_open(CircuitBreakerConfig(half_open_max_calls=50))
        for _ in range(50):
            breaker.can_execute(now=1001.0)
        generation = breaker.generation
        for _ in range(50):
            breaker.record_failure(now=1002.0, generation=generation)
        assert breaker.reopenings == 1
        assert len(breaker.drain_transitions()) == 1

    def test_every_transition_begins_a_generation(self) -> None:
        breaker = opened()
        breaker.probe(now=1001.0)
        breaker.record_failure(now=1002.0)
        breaker.reset(now=1003.0)
        assert breaker.generation == len(breaker.drain_transitions()) == 4


class TestReset:
    @pytest.mark.parametrize("state", [OPEN, HALF_OPEN])
    def test_it_closes_the_circuit_and_clears_every_counter(self, state: CircuitState) -> None:
        breaker = opened(replace(SERVICE_CIRCUIT, timeout_multiplier=2.0))
        breaker.can_execute(now=1080.0)
        breaker.record_failure(now=1080.0)
        if state == HALF_OPEN:
            breaker.probe(now=1081.0)
            breaker.can_execute(now=1081.0)
            breaker.record_success(now=1081.0)
            breaker.can_execute(now=1081.0)
        breaker.drain_transitions()
        breaker.reset(now=1082.0, cause="reset by ada")
        assert causes(breaker) == ["reset by ada"]
        assert breaker == CircuitBreaker(config=breaker.config, generation=breaker.generation)

    def test_the_next_failure_after_it_is_the_first(self) -> None:
        breaker = opened()
        breaker.reset(now=1001.0)
        for _ in range(4):
            breaker.record_failure(now=1002.0)
        assert breaker.state == CLOSED

    def test_it_clears_what_a_closed_circuit_has_counted_without_a_transition(self) -> None:
        breaker = CircuitBreaker()
        breaker.record_failure(now=1000.0)
        breaker.reset(now=1001.0)
        assert breaker == CircuitBreaker()
        assert breaker.drain_transitions() == ()

    def test_it_ends_a_hold(self) -> None:
        breaker = CircuitBreaker()
        breaker.hold_open(hold=hold(), now=1000.0)
        breaker.reset(now=1001.0)
        assert (breaker.state, breaker.hold) == (CLOSED, None)
        assert breaker.can_execute(now=1001.0)


class TestProbe:
    def test_it_ends_the_cooldown(self) -> None:
        breaker = opened()
        breaker.drain_transitions()
        breaker.probe(now=1001.0, cause="probe asked for by ada")
        assert breaker.state == HALF_OPEN
        assert causes(breaker) == ["probe asked for by ada"]
        assert breaker.can_execute(now=1001.0)

    def test_it_does_nothing_to_a_circuit_that_probes_already(self) -> None:
        breaker = half_open()
        breaker.can_execute(now=1001.0)
        breaker.record_success(now=1001.0)
        before = deepcopy(breaker)
        breaker.probe(now=1002.0)
        assert breaker == before

    def test_it_does_not_override_a_hold(self) -> None:
        breaker = CircuitBreaker()
        breaker.hold_open(hold=hold(), now=1000.0)
        breaker.probe(now=1001.0)
        assert not breaker.can_execute(now=1001.0)


class TestHold:
    @pytest.mark.parametrize("make", [CircuitBreaker, opened, half_open])
    def test_it_opens_the_circuit_from_every_state(self, make: type[CircuitBreaker]) -> None:
        breaker = make()
        breaker.drain_transitions()
        state, generation = breaker.state, breaker.generation
        breaker.hold_open(hold=hold(), now=1000.0, cause="held by ada: move")
        (transition,) = breaker.drain_transitions()
        assert (transition.from_state, transition.to_state) == (state, OPEN)
        assert transition.cause == "held by ada: move"
        assert breaker.generation == generation + 1
        assert not breaker.can_execute(now=1000.0)

    def test_it_forgets_probes_that_succeeded_before_it(self) -> None:
        breaker = half_open()
        breaker.record_success(now=1001.0)
        breaker.hold_open(hold=hold(since=1002.0), now=1002.0)
        assert breaker.success_count == 0
        (transition,) = breaker.drain_transitions()
        assert transition.success_count == 1

    def test_without_an_end_only_a_person_ends_it(self) -> None:
        breaker = opened()
        breaker.hold_open(hold=hold(), now=1000.0)
        assert not breaker.can_execute(now=1000.0 + MONTH)
        assert breaker.next_admission_at(now=1000.0) is None
        assert not breaker.admits(now=1000.0)

    def test_it_ends_by_itself_and_the_circuit_probes(self) -> None:
        breaker = CircuitBreaker()
        breaker.hold_open(hold=hold(until=1300.0), now=1000.0)
        breaker.drain_transitions()
        assert not breaker.can_execute(now=1299.0)
        assert breaker.next_admission_at(now=1200.0) == 1300.0
        assert breaker.can_execute(now=1300.0)
        assert (breaker.state, breaker.hold) == (HALF_OPEN, None)
        assert causes(breaker) == ["the hold ended"]

    def test_it_outlasts_the_cooldown(self) -> None:
        breaker = opened()
        breaker.hold_open(hold=hold(until=5000.0), now=1001.0)
        assert not breaker.can_execute(now=1061.0)

    def test_released_the_circuit_probes_rather_than_closes(self) -> None:
        breaker = opened()
        breaker.hold_open(hold=hold(), now=1000.0)
        breaker.drain_transitions()
        breaker.lift_hold(now=1100.0, cause="released by ada")
        assert (breaker.state, breaker.hold) == (HALF_OPEN, None)
        assert causes(breaker) == ["released by ada"]

    def test_releasing_what_is_not_held_does_nothing(self) -> None:
        breaker = opened()
        before = deepcopy(breaker)
        breaker.lift_hold(now=1001.0)
        assert breaker == before

    def test_a_later_hold_replaces_an_earlier_one(self) -> None:
        breaker = CircuitBreaker()
        breaker.hold_open(hold=hold(until=1100.0), now=1000.0)
        breaker.hold_open(hold=hold(until=2000.0), now=1050.0)
        assert not breaker.can_execute(now=1100.0)
        assert breaker.can_execute(now=2000.0)

    def test_results_of_probes_under_way_when_it_began_change_nothing(self) -> None:
        breaker = half_open()
        breaker.can_execute(now=1001.0)
        probe = breaker.generation
        breaker.hold_open(hold=hold(), now=1002.0)
        before = deepcopy(breaker)
        breaker.record_success(now=1003.0, generation=probe)
        breaker.record_failure(now=1003.0)
        assert breaker == before

    @pytest.mark.parametrize("until", [999.0, 1000.0, float("nan"), float("inf")])
    def test_it_cannot_end_before_it_begins_or_at_no_time(self, until: float) -> None:
        with pytest.raises(InvalidInput, match="until: is not in the future"):
            hold(until=until)

    def test_it_knows_whether_it_is_over(self) -> None:
        assert not hold().is_over(1000.0 + MONTH)
        assert not hold(until=1300.0).is_over(1299.0)
        assert hold(until=1300.0).is_over(1300.0)


def test_an_injected_clock_is_asked_where_no_time_is_given() -> None:
    moments = iter([10.0, 20.0])
    breaker = CircuitBreaker(config=CircuitBreakerConfig(failure_threshold=1), clock=lambda: next(moments))
    breaker.record_failure()
    assert breaker.last_failure_time == 10.0
    assert not breaker.can_execute()


def test_transitions_that_nobody_drains_do_not_pile_up() -> None:
    breaker = CircuitBreaker()
    for turn in range(1000):
        breaker.hold_open(hold=hold(), now=float(turn))
    assert len(breaker.drain_transitions()) == 64


def test_breakers_that_stand_alike_are_equal_whatever_clock_they_use() -> None:
    assert CircuitBreaker(clock=lambda: 1.0) == CircuitBreaker()


class TestTheConfiguration:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("failure_threshold", 0),
            ("failure_threshold", -1),
            ("failure_threshold", 2.5),
            ("failure_threshold", True),
            ("failure_threshold", "5"),
            ("failure_threshold", None),
            ("failure_threshold", 10**9),
            ("success_threshold", 0),
            ("half_open_max_calls", 0),
            ("minimum_calls", 0),
            ("timeout_seconds", -0.1),
            ("timeout_seconds", float("nan")),
            ("timeout_seconds", float("inf")),
            ("timeout_seconds", "60"),
            ("timeout_seconds", 8 * 86_400),
            ("failure_rate_threshold", 0),
            ("failure_rate_threshold", 1.01),
            ("failure_rate_threshold", 50),
            ("window_seconds", 0.5),
            ("timeout_multiplier", 0.9),
            ("timeout_multiplier", 11),
            ("max_timeout_seconds", float("nan")),
            ("timeout_jitter", 0.6),
            ("timeout_jitter", -0.1),
        ],
    )
    def test_a_value_out_of_bounds_is_refused_by_name(self, field: str, value: object) -> None:
        with pytest.raises(InvalidInput) as caught:
            CircuitBreakerConfig(**{field: value})
        (problem,) = caught.value.problems
        assert problem.field == field
        assert problem.message.startswith("must be a ")

    def test_every_wrong_field_is_named_at_once(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            CircuitBreakerConfig(failure_threshold=0, timeout_seconds=-1, timeout_jitter=2)
        assert [problem.field for problem in caught.value.problems] == [
            "failure_threshold",
            "timeout_seconds",
            "timeout_jitter",
        ]

    def test_two_settings_that_contradict_each_other_are_refused_with_the_remedy(self) -> None:
        with pytest.raises(
            InvalidInput, match="max_timeout_seconds: is below timeout_seconds; make it at least 60"
        ):
            CircuitBreakerConfig(max_timeout_seconds=30)

    def test_the_services_circuit_opens_on_half_of_twenty_in_a_minute(self) -> None:
        assert SERVICE_CIRCUIT.failure_rate_threshold == 0.5
        assert (SERVICE_CIRCUIT.minimum_calls, SERVICE_CIRCUIT.window_seconds) == (20, 60.0)
