"""The circuit breaker of the specification, while closed, and results of earlier generations."""

import time
from copy import deepcopy
from dataclasses import fields

import pytest

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState, Transition
from tests.domain.breakers import CLOSED, HALF_OPEN, OPEN, causes, half_open, hold, opened


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
            Transition(1000.0, CLOSED, OPEN, "5 consecutive failures", 5, 0),
        )

    def test_one_failure_is_said_in_the_singular(self) -> None:
        assert causes(opened(CircuitBreakerConfig(failure_threshold=1))) == ["1 consecutive failure"]

    @pytest.mark.parametrize("act", ["can_execute", "record_success", "release", "probe", "lift_hold"])
    def test_nothing_leads_from_closed_to_half_open(self, act: str) -> None:
        breaker = CircuitBreaker()
        breaker.record_failure(now=1.0)
        getattr(breaker, act)(now=1000.0)
        assert breaker.state == CLOSED
        assert breaker.drain_transitions() == ()


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


def test_an_injected_clock_is_asked_where_no_time_is_given() -> None:
    moments = iter([10.0, 20.0])
    breaker = CircuitBreaker(config=CircuitBreakerConfig(failure_threshold=1), clock=lambda: next(moments))
    breaker.record_failure()
    assert breaker.last_failure_time == 10.0
    assert not breaker.can_execute()


def test_transitions_that_nobody_drains_do_not_pile_up() -> None:
    breaker = CircuitBreaker()
    for second in range(1000):
        breaker.hold_open(hold=hold(), now=float(second))
    assert len(breaker.drain_transitions()) == 64


def test_breakers_that_stand_alike_are_equal_whatever_clock_they_use() -> None:
    assert CircuitBreaker(clock=lambda: 1.0) == CircuitBreaker()
