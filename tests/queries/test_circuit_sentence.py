"""What a circuit is doing, and what a reset of it will do."""

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


def facts(breaker: CircuitBreaker, backlog: int = 0, **changes: object) -> CircuitSnapshot:
    return replace(CircuitSnapshot(NOW, breaker, BoundedCount(backlog), max_in_flight=64), **changes)


def opened() -> CircuitBreaker:
    breaker = CircuitBreaker(CLASSIC)
    for _ in range(5):
        breaker.record_failure(now=NOW - 32)
    return breaker


def test_a_closed_circuit_shows_its_counts_beside_their_thresholds() -> None:
    assert circuit_sentence(facts(CircuitBreaker(CLASSIC))) == "Closed: deliveries go out."
    failing = CircuitBreaker(CLASSIC)
    failing.record_failure(now=NOW)
    assert circuit_sentence(facts(failing)) == "Closed: 1 of 5 failures in a row."


def test_a_closed_circuit_shows_a_share_that_is_not_in_a_row() -> None:
    mixed = CircuitBreaker(SERVICE_CIRCUIT)
    for _ in range(3):
        mixed.record_failure(now=NOW)
    mixed.record_success(now=NOW)
    assert circuit_sentence(facts(mixed)) == "Closed: 3 of 4 calls failed in the last 60 s."


def test_an_open_circuit_says_why_what_waits_and_when_it_is_probed() -> None:
    sentence = circuit_sentence(facts(opened(), 312, opening_cause="5 failures in a row"))
    assert sentence == (
        "Open since 03:11:35 UTC (5 failures in a row): 312 deliveries wait; next probe at 03:12:35 UTC."
    )
    later = replace(facts(opened(), 1), now=NOW + 60)
    assert circuit_sentence(later) == (
        "Open since 03:11:35 UTC: 1 delivery waits; the next delivery goes out as a probe."
    )


def test_a_half_open_circuit_counts_its_probes_and_forgets_expired_ones() -> None:
    breaker = opened()
    breaker.probe(now=NOW)
    breaker.can_execute(now=NOW, permit_seconds=10)
    assert circuit_sentence(facts(breaker)) == (
        "Half open: 0 of 2 successes that close it, 1 of 3 probes under way; nothing waits."
    )
    assert live_permits(breaker, NOW + 11) == 0


def test_a_hold_is_told_apart_from_an_open_circuit() -> None:
    breaker = CircuitBreaker(CLASSIC)
    hold = Hold(reason="receiver moves", since=NOW - 60, until=NOW + 53, by="person:ada")
    breaker.hold_open(now=NOW - 60, hold=hold)
    assert circuit_sentence(facts(breaker, 2)) == (
        "Held open by ada since 03:11:07 UTC (receiver moves): 2 deliveries wait until 03:13:00 UTC."
    )


def test_a_paused_endpoint_is_said_beside_its_circuit() -> None:
    assert circuit_sentence(facts(CircuitBreaker(CLASSIC), endpoint_state=EndpointState.PAUSED)) == (
        "Closed: deliveries go out. The endpoint is paused: nothing goes out."
    )


def test_a_reset_says_how_many_follow_and_that_it_begins_slowly() -> None:
    assert reset_consequence(facts(opened(), 312)) == (
        "Closes the circuit now. 312 held deliveries follow: one at first, then one more with each success, "
        "up to 64 at once."
    )
    assert reset_consequence(facts(opened())) == (
        "Closes the circuit now. Nothing is held; the next delivery goes out at once."
    )


def test_a_reset_of_a_closed_circuit_says_that_it_changes_little() -> None:
    assert reset_consequence(facts(CircuitBreaker(CLASSIC))) == (
        "Changes nothing: the circuit is closed and has counted no failure."
    )
    failing = CircuitBreaker(CLASSIC)
    failing.record_failure(now=NOW)
    assert reset_consequence(facts(failing)) == "Clears the counted failures; the circuit is closed already."


def test_a_reset_does_not_wake_a_paused_endpoint() -> None:
    assert reset_consequence(facts(opened(), 3, endpoint_state=EndpointState.PAUSED)) == (
        "Closes the circuit; its endpoint is paused, so 3 deliveries stay held."
    )
