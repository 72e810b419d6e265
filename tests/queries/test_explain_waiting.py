"""Why is this not delivered yet? Every state has its sentence, and no sentence goes stale."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass, Trigger
from breakwater.core.queries.explain.outcome import why
from breakwater.core.queries.explain.resend import can_cancel, can_resend, resend_consequence
from breakwater.core.queries.explain.snapshot import AuditRef, DeliverySnapshot
from breakwater.core.queries.paging.model import BoundedCount
from tests.queries.snapshots import NOW, ended, half_opened, held, lane, opened, pending, retrying

# --- pending


def test_a_retry_says_when_it_is_due_and_after_what() -> None:
    assert why(retrying()) == "Attempt 4 of 11 is due at 03:12:35 UTC after 503 Service Unavailable."


def test_a_retry_tomorrow_has_its_date() -> None:
    assert why(retrying(next_attempt_at=NOW + 86_400)) == (
        "Attempt 4 of 11 is due at 2026-11-23 03:12:07 UTC after 503 Service Unavailable."
    )


def test_after_a_resend_the_numbering_goes_on_and_the_budget_is_new() -> None:
    assert why(retrying(attempt_count=13, budget_spent=2)) == (
        "Attempt 14 (3rd of 11 of its present budget) is due at 03:12:35 UTC after 503 Service Unavailable."
    )


def test_a_retry_after_a_lost_worker_may_be_the_second_arrival() -> None:
    assert why(retrying(failure_class=FailureClass.LOST, error="the worker died")) == (
        "Attempt 4 of 11 is due at 03:12:35 UTC after its worker was lost; it may have been delivered."
    )


def test_a_resend_that_is_due_says_who_asked_for_it() -> None:
    deed = AuditRef("delivery.resend", "person:ada", NOW, "receiver fixed")
    standing = retrying(trigger=Trigger.MANUAL, deed=deed, budget_spent=0)
    assert why(standing) == (
        "Attempt 4 (1st of 11 of its present budget) is due at 03:12:35 UTC, "
        "because ada resent it (receiver fixed)."
    )


def test_behind_an_open_circuit_it_is_held_until_the_probe() -> None:
    assert why(pending(lane=lane(breaker=opened(), opening_cause="5 failures in a row"))) == (
        "Held: the circuit of billing is open (5 failures in a row). The next probe may go out at 03:12:35 UTC; "
        "waiting spends no attempts."
    )


def test_a_retry_that_is_due_after_the_next_probe_names_both_times() -> None:
    standing = retrying(next_attempt_at=NOW + 3600, lane=lane(breaker=opened()))
    assert why(standing) == (
        "Attempt 4 of 11 is due at 04:12:07 UTC after 503 Service Unavailable. "
        "The circuit of billing is open and may be probed from 03:12:35 UTC."
    )


def test_when_the_cooldown_is_over_the_next_delivery_is_the_probe() -> None:
    waiting = pending(now=NOW + 100, next_attempt_at=NOW, lane=lane(breaker=opened()))
    assert why(waiting) == "Held: the circuit of billing is open; the next delivery goes out as its probe."


def test_behind_a_half_open_circuit_it_waits_for_the_probes() -> None:
    assert why(pending(lane=lane(breaker=half_opened()))) == (
        "Held: the circuit of billing is half open and lets out at most 3 probes at once; "
        "2 more successes close it."
    )
    assert why(retrying(lane=lane(breaker=half_opened()))) == (
        "Attempt 4 of 11 is due at 03:12:35 UTC after 503 Service Unavailable. "
        "The circuit of billing is half open: it is being probed."
    )


def test_a_hold_by_hand_says_by_whom_why_and_until_when() -> None:
    assert why(pending(lane=lane(breaker=held(until=NOW + 53)))) == (
        "Held: ada holds the circuit of billing open until 03:13:00 UTC (receiver moves house); "
        "probes follow then."
    )
    assert "open until somebody releases it" in why(pending(lane=lane(breaker=held())))


def test_a_hold_that_is_over_no_longer_holds() -> None:
    waiting = pending(lane=lane(breaker=held(until=NOW - 1)))
    assert why(waiting) == "Held: the circuit of billing is open; the next delivery goes out as its probe."


def test_a_paused_endpoint_says_who_paused_it() -> None:
    paused = lane(
        state=EndpointState.PAUSED,
        state_reason="migration",
        deed=AuditRef("endpoint.pause", "key:ci", NOW),
    )
    assert why(pending(lane=paused)) == (
        "Held: billing is paused by the key ci (migration). It goes out when somebody resumes the endpoint."
    )


def test_a_disabled_endpoint_says_why_it_was_disabled() -> None:
    disabled = lane(state=EndpointState.DISABLED, state_reason="410 Gone: the receiver asks for no more")
    assert why(pending(lane=disabled)) == (
        "Held: billing is disabled: 410 Gone: the receiver asks for no more. "
        "It goes out when somebody resumes the endpoint."
    )


def test_a_throttled_lane_says_until_when() -> None:
    assert why(pending(lane=lane(throttled_until=NOW + 28))) == (
        "Held: the receiver of billing asked for a pause until 03:12:35 UTC; its whole lane waits."
    )


def test_a_throttled_lane_does_not_hide_a_later_retry() -> None:
    standing = retrying(lane=lane(throttled_until=NOW + 10))
    assert why(standing) == "Attempt 4 of 11 is due at 03:12:35 UTC after 503 Service Unavailable."


def test_at_the_limit_of_concurrency_it_waits_for_a_place() -> None:
    assert why(pending(lane=lane(in_flight=BoundedCount(64)))) == (
        "Attempt 1 of 11 has been due since 03:12:02 UTC: billing has 64 of 64 attempts under way."
    )


def test_at_the_limit_of_the_rate_it_says_how_many_go_before() -> None:
    assert why(pending(lane=lane(rate_limit=5.0, due_before=BoundedCount(312)))) == (
        "Attempt 1 of 11 has been due since 03:12:02 UTC: billing takes 5 a second, "
        "and 312 deliveries of it go before."
    )


def test_in_a_queue_it_says_how_many_go_before() -> None:
    assert why(pending(lane=lane(due_before=BoundedCount(1_000, more=True)))) == (
        "Attempt 1 of 11 has been due since 03:12:02 UTC: 1,000+ deliveries of billing go before it."
    )
    assert (
        why(pending())
        == "Attempt 1 of 11 has been due since 03:12:02 UTC: it is the next of billing to go out."
    )


def test_a_deleted_endpoint_sends_nothing() -> None:
    assert why(pending(lane=lane(deleted=True))) == "Not sent: the endpoint billing was deleted."


# --- under way


def test_an_attempt_in_flight_says_since_when_and_how_long_at_most() -> None:
    standing = pending(
        state=DeliveryState.IN_FLIGHT, attempt_count=1, lease_until=NOW + 20, running_since=NOW - 5
    )
    assert why(standing) == "Attempt 2 has been under way since 03:12:02 UTC; it ends within 10 s."


def test_an_expired_lease_means_a_lost_worker() -> None:
    standing = pending(state=DeliveryState.IN_FLIGHT, attempt_count=1, lease_until=NOW - 7)
    assert why(standing) == (
        "The worker of attempt 2 was lost: its lease ended at 03:12:00 UTC. It may have been delivered; "
        "within a minute it is rescued and tried again."
    )


# --- ended


def test_a_delivered_one_says_at_which_attempt_and_how_long_it_took() -> None:
    standing = ended(DeliveryState.DELIVERED, attempt_count=3, status_code=200, created_at=NOW - 4.2)
    assert why(standing) == "Delivered at the 3rd attempt, 4.2 s after it was accepted (200 OK)."


def test_a_delivered_one_admits_that_a_lost_attempt_may_have_arrived_too() -> None:
    standing = ended(DeliveryState.DELIVERED, attempt_count=3, lost_attempts=(2,))
    assert why(standing).endswith("Attempt 2 was lost with its worker and may have been delivered too.")


@pytest.mark.parametrize(
    ("failure", "ending"),
    [
        (FailureClass.CLIENT_ERROR, "The receiver will not take this request, so it is not tried again."),
        (FailureClass.REDIRECT, "Redirects are never followed; correct the endpoint's URL and resend it."),
        (FailureClass.GONE, "The receiver asks for no more, and its endpoint was disabled."),
        (FailureClass.BLOCKED, "Nothing was sent: the guard does not let this address be called."),
    ],
)
def test_a_failure_without_a_retry_says_why_there_is_none(failure: FailureClass, ending: str) -> None:
    standing = ended(DeliveryState.FAILED, failure_class=failure, error="what it met", attempt_count=1)
    assert why(standing) == f"Failed at 03:12:07 UTC: what it met. {ending}"


def test_an_exhausted_delivery_names_the_last_failure() -> None:
    met = {"failure_class": FailureClass.CONNECT, "error": "connection refused"}
    standing = ended(DeliveryState.FAILED, attempt_count=11, budget_spent=11, **met)
    assert why(standing) == "Failed at 03:12:07 UTC after all 11 attempts; the last met connection refused."
    only = ended(DeliveryState.FAILED, attempt_count=1, budget_spent=1, max_attempts=1, **met)
    assert why(only) == "Failed at 03:12:07 UTC after its only attempt; the last met connection refused."


def test_a_delivery_that_kills_its_workers_may_have_been_delivered() -> None:
    standing = ended(DeliveryState.FAILED, failure_class=FailureClass.LOST, lost_count=3, attempt_count=3)
    assert why(standing) == (
        "Failed at 03:12:07 UTC: its worker died 3 times in a row while sending it. It may have been delivered."
    )


def test_a_cancelled_one_says_by_whom_and_why() -> None:
    deed = AuditRef("delivery.cancel", "person:ada", NOW, "sent by hand")
    assert why(ended(DeliveryState.CANCELLED, deed=deed)) == (
        "Cancelled by ada at 03:12:07 UTC (sent by hand), before any attempt."
    )
    assert why(ended(DeliveryState.CANCELLED, attempt_count=2, lane=lane(deleted=True))) == (
        "Cancelled, because the endpoint billing was deleted, after 2 attempts."
    )


# --- every combination


STANDINGS = st.builds(
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
    deed=st.none() | st.just(AuditRef("delivery.resend", "person:ada", NOW)),
    lane=st.builds(
        lane,
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


@given(STANDINGS)
def test_every_standing_has_sentences_that_do_not_go_stale(standing: DeliverySnapshot) -> None:
    for sentence in (why(standing), resend_consequence(standing)):
        assert sentence[:1].isupper()
        assert sentence.endswith((".", "…."))
        assert not re.search(r"\bin \d+ (s|min|h)\b|\bago\b", sentence.replace(standing.error or "\x00", ""))


@given(STANDINGS)
def test_what_cannot_be_resent_says_so(standing: DeliverySnapshot) -> None:
    assert can_resend(standing) == (not resend_consequence(standing).startswith("It cannot be resent"))
    assert can_cancel(standing) == (standing.state is DeliveryState.PENDING)
