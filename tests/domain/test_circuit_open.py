"""The circuit breaker while it is open and half-open: its cooldown and its permits."""

from copy import deepcopy

import pytest

from breakwater.core.domain.circuit import SERVICE_CIRCUIT, CircuitBreaker, CircuitBreakerConfig, Transition
from tests.domain.breakers import CLOSED, HALF_OPEN, MONTH, OPEN, causes, half_open, hold, opened


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

    def test_a_successful_probe_restarts_the_count(self) -> None:
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
