"""Operations of people on the circuit breaker: reset, probe, hold and release."""

from copy import deepcopy
from dataclasses import replace

import pytest

from breakwater.core.domain.circuit import SERVICE_CIRCUIT, CircuitBreaker, CircuitState
from breakwater.core.domain.errors import InvalidInput
from tests.domain.breakers import CLOSED, HALF_OPEN, MONTH, OPEN, causes, half_open, hold, opened


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
        breaker.probe(now=1001.0, cause="probe requested by ada")
        assert breaker.state == HALF_OPEN
        assert causes(breaker) == ["probe requested by ada"]
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

    def test_results_of_probes_in_flight_when_it_began_change_nothing(self) -> None:
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
