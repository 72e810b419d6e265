"""Sentences about a circuit and about its reset."""

from dataclasses import replace

from breakwater.core.domain.circuit import SERVICE_CIRCUIT, CircuitBreaker, CircuitBreakerConfig, Hold
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.circuits.sentence import (
    CircuitSnapshot,
    circuit_sentence,
    live_permits,
    reset_consequence,
)
from breakwater.core.queries.paging.model import BoundedCount

NOW = 1_795_317_127.0  # 2026-11-22 03:12:07 UTC
CLASSIC = CircuitBreakerConfig()


def snapshot(breaker: CircuitBreaker, backlog: int = 0, **changes: object) -> CircuitSnapshot:
    return replace(CircuitSnapshot(NOW, breaker, BoundedCount(backlog), max_in_flight=64), **changes)


def opened() -> CircuitBreaker:
    breaker = CircuitBreaker(CLASSIC)
    for _ in range(5):
        breaker.record_failure(now=NOW - 32)
    return breaker


def test_a_closed_circuit_shows_its_counts_beside_their_thresholds() -> None:
    assert circuit_sentence(snapshot(CircuitBreaker(CLASSIC))) == "Closed: deliveries are sent."
    failing = CircuitBreaker(CLASSIC)
    failing.record_failure(now=NOW)
    assert circuit_sentence(snapshot(failing)) == "Closed: 1 of 5 consecutive failures."


def test_a_closed_circuit_shows_its_failure_rate() -> None:
    mixed = CircuitBreaker(SERVICE_CIRCUIT)
    for _ in range(3):
        mixed.record_failure(now=NOW)
    mixed.record_success(now=NOW)
    assert circuit_sentence(snapshot(mixed)) == "Closed: 3 of 4 calls failed in the last 60 s."


def test_the_sentence_of_an_open_circuit_has_cause_backlog_and_next_probe() -> None:
    sentence = circuit_sentence(snapshot(opened(), 312, opening_cause="5 consecutive failures"))
    assert sentence == (
        "Open since 03:11:35 UTC (5 consecutive failures). 312 waiting. Next probe at 03:12:35 UTC."
    )
    later = replace(snapshot(opened(), 1), now=NOW + 60)
    assert circuit_sentence(later) == (
        "Open since 03:11:35 UTC. 1 waiting. The next delivery is sent as a probe."
    )


def test_the_sentence_of_a_half_open_circuit_counts_live_probes() -> None:
    breaker = opened()
    breaker.probe(now=NOW)
    breaker.can_execute(now=NOW, permit_seconds=10)
    assert circuit_sentence(snapshot(breaker)) == (
        "Half-open: 1 of 3 probes in flight, 0 of 2 successes needed to close. No deliveries waiting."
    )
    assert live_permits(breaker, NOW + 11) == 0


def test_the_sentence_of_a_hold_differs_from_that_of_an_open_circuit() -> None:
    breaker = CircuitBreaker(CLASSIC)
    hold = Hold(reason="receiver moves", since=NOW - 60, until=NOW + 53, by="person:ada")
    breaker.hold_open(now=NOW - 60, hold=hold)
    assert circuit_sentence(snapshot(breaker, 2)) == (
        "Held by ada since 03:11:07 until 03:13:00 UTC: receiver moves. 2 waiting."
    )


def test_the_sentence_of_a_hold_until_another_day_has_its_date() -> None:
    breaker = CircuitBreaker(CLASSIC)
    hold = Hold(reason="receiver moves.", since=NOW - 60, until=NOW + 7 * 86_400, by="person:ada")
    breaker.hold_open(now=NOW - 60, hold=hold)
    assert circuit_sentence(snapshot(breaker)) == (
        "Held by ada since 03:11:07 until 2026-11-29 03:12:07 UTC: receiver moves. No deliveries waiting."
    )


def test_a_reset_of_an_endpoint_without_concurrency_does_not_ramp_up() -> None:
    assert reset_consequence(snapshot(opened(), 3, max_in_flight=1)) == (
        "Closes the circuit and releases 3 held deliveries, starting with one at a time."
    )


def test_the_sentence_names_a_paused_endpoint() -> None:
    assert circuit_sentence(snapshot(CircuitBreaker(CLASSIC), endpoint_state=EndpointState.PAUSED)) == (
        "Closed: deliveries are sent. The endpoint is paused: nothing is sent."
    )


def test_the_consequence_of_a_reset_names_released_deliveries_and_slow_start() -> None:
    assert reset_consequence(snapshot(opened(), 312)) == (
        "Closes the circuit and releases 312 held deliveries, starting with one at a time and ramping up to 64."
    )
    assert reset_consequence(snapshot(opened())) == (
        "Closes the circuit. No deliveries are held; the next one is sent immediately."
    )


def test_the_consequence_of_resetting_a_closed_circuit_is_small() -> None:
    assert reset_consequence(snapshot(CircuitBreaker(CLASSIC))) == (
        "Changes nothing: the circuit is closed and has no counted failures."
    )
    failing = CircuitBreaker(CLASSIC)
    failing.record_failure(now=NOW)
    assert (
        reset_consequence(snapshot(failing)) == "Clears the counted failures. The circuit is already closed."
    )


def test_the_consequence_of_a_reset_of_a_paused_endpoint_sends_nothing() -> None:
    assert reset_consequence(snapshot(opened(), 3, endpoint_state=EndpointState.PAUSED)) == (
        "Closes the circuit. The endpoint is paused and keeps 3 held deliveries."
    )
