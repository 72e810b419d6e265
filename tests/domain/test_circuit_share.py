"""The failure rate of a circuit breaker within its window."""

from dataclasses import replace

import pytest

from breakwater.core.domain.circuit import SERVICE_CIRCUIT, CircuitBreaker
from tests.domain.breakers import CLOSED, OPEN, causes, half_open, opened


class TestTheShareOfFailures:
    CONFIG = replace(SERVICE_CIRCUIT, failure_threshold=100, timeout_jitter=0.0)

    def test_repeated_four_failures_and_one_success_open_the_circuit(self) -> None:
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

    def test_the_window_is_empty_after_a_close(self) -> None:
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

    def test_it_is_pristine_while_it_counts_no_failure(self) -> None:
        breaker = CircuitBreaker(config=self.CONFIG)
        breaker.record_success(now=1000.0)
        assert breaker.is_pristine
        breaker.record_failure(now=1000.0)
        breaker.record_success(now=1001.0)
        assert breaker.failure_count == 0
        assert not breaker.is_pristine
        breaker.record_success(now=1060.0)
        assert breaker.is_pristine

    def test_it_is_not_calm_while_open_or_half_open(self) -> None:
        assert not opened().is_pristine
        assert not half_open().is_pristine
