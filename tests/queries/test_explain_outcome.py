"""Sentences about deliveries that are in flight or finished."""

import pytest

from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.explain.outcome import explain_delivery
from breakwater.core.queries.explain.snapshot import AuditRef
from tests.queries.snapshots import NOW, ended, endpoint, pending

# --- in flight


def test_an_attempt_in_flight_is_explained_with_its_start_and_its_timeout() -> None:
    snapshot = pending(
        state=DeliveryState.IN_FLIGHT, attempt_count=1, lease_until=NOW + 20, in_flight_since=NOW - 5
    )
    assert (
        explain_delivery(snapshot)
        == "Attempt 2 has been in flight since 03:12:02 UTC; it times out after 10 s."
    )


def test_an_expired_lease_means_a_lost_worker() -> None:
    snapshot = pending(state=DeliveryState.IN_FLIGHT, attempt_count=1, lease_until=NOW - 7)
    assert explain_delivery(snapshot) == (
        "The worker of attempt 2 was lost: its lease expired at 03:12:00 UTC. "
        "The webhook may have been delivered. It is requeued within a minute."
    )


# --- ended


def test_a_delivered_delivery_is_explained_with_its_attempt_and_duration() -> None:
    snapshot = ended(DeliveryState.DELIVERED, attempt_count=3, status_code=200, created_at=NOW - 4.2)
    assert explain_delivery(snapshot) == "Delivered on attempt 3, 4.2 s after acceptance (200 OK)."


def test_a_delivered_delivery_is_explained_with_its_lost_attempts() -> None:
    snapshot = ended(DeliveryState.DELIVERED, attempt_count=3, lost_attempts=(2,))
    assert explain_delivery(snapshot).endswith(
        "The worker of attempt 2 was lost: it may have been delivered too."
    )


@pytest.mark.parametrize(
    ("failure", "ending"),
    [
        (FailureClass.CLIENT_ERROR, "The receiver rejected the request; it will not be retried."),
        (FailureClass.REDIRECT, "Redirects are not followed. Correct the endpoint's URL, then resend."),
        (FailureClass.GONE, "Endpoint disabled (410 Gone)."),
        (FailureClass.BLOCKED, "Blocked address: nothing was sent."),
    ],
)
def test_a_failure_without_a_retry_is_explained(failure: FailureClass, ending: str) -> None:
    snapshot = ended(DeliveryState.FAILED, failure_class=failure, error="what it met", attempt_count=1)
    assert explain_delivery(snapshot) == f"Failed at 03:12:07 UTC: what it met. {ending}"


def test_an_exhausted_delivery_is_explained_with_its_last_outcome() -> None:
    met = {"failure_class": FailureClass.CONNECT, "error": "connection refused"}
    snapshot = ended(DeliveryState.FAILED, attempt_count=11, budget_spent=11, **met)
    assert (
        explain_delivery(snapshot)
        == "Failed at 03:12:07 UTC after all 11 attempts; last outcome: connection refused."
    )
    only = ended(DeliveryState.FAILED, attempt_count=1, budget_spent=1, max_attempts=1, **met)
    assert (
        explain_delivery(only)
        == "Failed at 03:12:07 UTC after its only attempt; last outcome: connection refused."
    )


def test_a_delivery_with_repeatedly_lost_workers_may_have_been_delivered() -> None:
    snapshot = ended(DeliveryState.FAILED, failure_class=FailureClass.LOST, lost_count=3, attempt_count=3)
    assert explain_delivery(snapshot) == (
        "Failed at 03:12:07 UTC: its worker was lost 3 times in a row. The webhook may have been delivered."
    )


def test_a_cancelled_delivery_is_explained_with_actor_and_reason() -> None:
    operation = AuditRef("delivery.cancel", "person:ada", NOW, "sent by hand")
    assert explain_delivery(ended(DeliveryState.CANCELLED, latest_operation=operation)) == (
        "Cancelled by ada at 03:12:07 UTC (sent by hand), before any attempt."
    )
    assert explain_delivery(
        ended(DeliveryState.CANCELLED, attempt_count=2, endpoint=endpoint(deleted=True))
    ) == ("Cancelled because the endpoint billing was deleted, after 2 attempts.")
