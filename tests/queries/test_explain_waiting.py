"""Sentences about pending deliveries, which stay true while they are shown."""

import re

from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass, Trigger
from breakwater.core.queries.explain.outcome import explain_delivery
from breakwater.core.queries.explain.resend import can_cancel, can_resend, explain_resend
from breakwater.core.queries.explain.snapshot import AuditRef, DeliverySnapshot
from breakwater.core.queries.paging.model import BoundedCount
from tests.queries.snapshots import NOW, endpoint, half_opened, held, opened, pending, retrying

# --- pending


def test_a_retry_is_explained_with_its_time_and_the_last_outcome() -> None:
    assert (
        explain_delivery(retrying())
        == "Attempt 4 of 11 is due at 03:12:35 UTC after 503 Service Unavailable."
    )


def test_a_retry_on_another_day_has_its_date() -> None:
    assert explain_delivery(retrying(next_attempt_at=NOW + 86_400)) == (
        "Attempt 4 of 11 is due at 2026-11-23 03:12:07 UTC after 503 Service Unavailable."
    )


def test_after_a_resend_numbering_continues_and_the_schedule_restarts() -> None:
    assert explain_delivery(retrying(attempt_count=13, budget_spent=2)) == (
        "Attempt 14 (3 of 11 since the resend) is due at 03:12:35 UTC after 503 Service Unavailable."
    )


def test_a_retry_after_a_lost_worker_may_be_the_second_arrival() -> None:
    assert explain_delivery(retrying(failure_class=FailureClass.LOST, error="the worker died")) == (
        "Attempt 4 of 11 is due at 03:12:35 UTC after its worker was lost (may have been delivered)."
    )


def test_a_due_resend_is_explained_with_its_actor() -> None:
    operation = AuditRef("delivery.resend", "person:ada", NOW, "receiver fixed")
    snapshot = retrying(trigger=Trigger.MANUAL, latest_operation=operation, budget_spent=0)
    assert explain_delivery(snapshot) == (
        "Attempt 4 (1 of 11 since the resend) is due at 03:12:35 UTC, resent by ada (receiver fixed)."
    )


def test_behind_an_open_circuit_it_is_held_until_the_probe() -> None:
    assert explain_delivery(
        pending(endpoint=endpoint(breaker=opened(), opening_cause="5 consecutive failures"))
    ) == (
        "Held: billing's circuit is open (5 consecutive failures). Next probe at 03:12:35 UTC; "
        "waiting uses no retries."
    )


def test_a_retry_that_is_due_after_the_next_probe_names_both_times() -> None:
    snapshot = retrying(next_attempt_at=NOW + 3600, endpoint=endpoint(breaker=opened()))
    assert explain_delivery(snapshot) == (
        "Attempt 4 of 11 is due at 04:12:07 UTC after 503 Service Unavailable. "
        "billing's circuit is open; next probe at 03:12:35 UTC."
    )


def test_after_the_cooldown_the_next_delivery_is_the_probe() -> None:
    waiting = pending(now=NOW + 100, next_attempt_at=NOW, endpoint=endpoint(breaker=opened()))
    assert (
        explain_delivery(waiting) == "Held: billing's circuit is open. The next delivery is sent as a probe."
    )


def test_behind_a_half_open_circuit_it_waits_for_the_probes() -> None:
    assert explain_delivery(pending(endpoint=endpoint(breaker=half_opened()))) == (
        "Held: billing's circuit is half-open, with at most 3 probes in flight. It closes after 2 more successes."
    )
    assert explain_delivery(retrying(endpoint=endpoint(breaker=half_opened()))) == (
        "Attempt 4 of 11 is due at 03:12:35 UTC after 503 Service Unavailable. "
        "billing's circuit is half-open: probes are being sent."
    )


def test_a_hold_is_explained_with_actor_reason_and_end() -> None:
    assert explain_delivery(pending(endpoint=endpoint(breaker=held(until=NOW + 53)))) == (
        "Held: billing is held by ada until 03:13:00 UTC (receiver migrates). Probes are sent first after that."
    )
    assert "held by ada until it is released" in explain_delivery(pending(endpoint=endpoint(breaker=held())))


def test_an_expired_hold_no_longer_holds() -> None:
    waiting = pending(endpoint=endpoint(breaker=held(until=NOW - 1)))
    assert (
        explain_delivery(waiting) == "Held: billing's circuit is open. The next delivery is sent as a probe."
    )


def test_a_paused_endpoint_is_explained_with_its_actor() -> None:
    paused = endpoint(
        state=EndpointState.PAUSED,
        state_reason="migration",
        latest_operation=AuditRef("endpoint.pause", "key:ci", NOW),
    )
    assert explain_delivery(pending(endpoint=paused)) == (
        "Held: billing is paused by the key ci (migration). It is sent when the endpoint is resumed."
    )


def test_a_disabled_endpoint_is_explained_with_its_reason() -> None:
    disabled = endpoint(state=EndpointState.DISABLED, state_reason="410 Gone")
    assert explain_delivery(pending(endpoint=disabled)) == (
        "Held: billing is disabled (410 Gone). It is sent when the endpoint is resumed."
    )


def test_a_rate_limited_lane_is_explained_with_its_end() -> None:
    assert explain_delivery(pending(endpoint=endpoint(throttled_until=NOW + 28))) == (
        "Held: billing is rate limited (429) until 03:12:35 UTC; all its deliveries wait."
    )


def test_a_rate_limited_lane_does_not_hide_a_later_retry() -> None:
    snapshot = retrying(endpoint=endpoint(throttled_until=NOW + 10))
    assert (
        explain_delivery(snapshot) == "Attempt 4 of 11 is due at 03:12:35 UTC after 503 Service Unavailable."
    )


def test_at_the_concurrency_limit_a_delivery_waits_for_a_slot() -> None:
    assert explain_delivery(pending(endpoint=endpoint(in_flight=BoundedCount(64)))) == (
        "Attempt 1 of 11 has been due since 03:12:02 UTC: billing has 64 of 64 attempts in flight."
    )


def test_at_the_rate_limit_the_deliveries_ahead_are_counted() -> None:
    assert explain_delivery(pending(endpoint=endpoint(rate_limit=5.0, ahead=BoundedCount(312)))) == (
        "Attempt 1 of 11 has been due since 03:12:02 UTC: billing is limited to 5 per second, "
        "with 312 deliveries ahead."
    )


def test_in_a_queue_the_deliveries_ahead_are_counted() -> None:
    assert explain_delivery(pending(endpoint=endpoint(ahead=BoundedCount(1_000, more=True)))) == (
        "Attempt 1 of 11 has been due since 03:12:02 UTC: 1,000+ deliveries to billing ahead."
    )
    assert (
        explain_delivery(pending())
        == "Attempt 1 of 11 has been due since 03:12:02 UTC: it is next in line for billing."
    )


def test_a_deleted_endpoint_sends_nothing() -> None:
    assert (
        explain_delivery(pending(endpoint=endpoint(deleted=True)))
        == "Not sent: the endpoint billing was deleted."
    )


# --- every combination


SNAPSHOTS = st.builds(
    pending,
    state=st.sampled_from(DeliveryState),
    attempt_count=st.integers(0, 60),
    budget_spent=st.integers(0, 60),
    next_attempt_at=st.none() | st.floats(NOW - 1e6, NOW + 1e6),
    trigger=st.sampled_from(Trigger),
    failure_class=st.none() | st.sampled_from(FailureClass),
    error=st.none() | st.text(),
    status_code=st.none() | st.integers(0, 999),
    lease_until=st.none() | st.floats(NOW - 1e3, NOW + 1e3),
    finished_at=st.none() | st.floats(NOW - 1e6, NOW),
    latest_operation=st.none() | st.just(AuditRef("delivery.resend", "person:ada", NOW)),
    endpoint=st.builds(
        endpoint,
        name=st.text(min_size=1),
        breaker=st.sampled_from([CircuitBreaker(), opened(), half_opened(), held(), held(until=NOW - 1)]),
        state=st.sampled_from(EndpointState),
        state_reason=st.none() | st.text(),
        deleted=st.booleans(),
        throttled_until=st.none() | st.floats(NOW - 1e3, NOW + 1e3),
        rate_limit=st.none() | st.just(5.0),
        in_flight=st.sampled_from([BoundedCount(0), BoundedCount(64)]),
    ),
)


@given(SNAPSHOTS)
def test_sentences_use_absolute_times(snapshot: DeliverySnapshot) -> None:
    for sentence in (explain_delivery(snapshot), explain_resend(snapshot)):
        assert sentence[:1].isupper()
        assert sentence.endswith((".", "…."))
        assert not re.search(r"\bin \d+ (s|min|h)\b|\bago\b", sentence.replace(snapshot.error or "\x00", ""))


@given(SNAPSHOTS)
def test_a_delivery_that_cannot_be_resent_is_explained(snapshot: DeliverySnapshot) -> None:
    assert can_resend(snapshot) == (not explain_resend(snapshot).startswith("Cannot be resent"))
    assert can_cancel(snapshot) == (snapshot.state is DeliveryState.PENDING)
