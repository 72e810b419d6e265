"""Sentences about what a resend would do."""

from breakwater.core.domain.states import DeliveryState, EndpointState
from breakwater.core.queries.explain.resend import explain_resend
from breakwater.core.queries.explain.snapshot import DeliverySnapshot
from breakwater.core.queries.paging.model import BoundedCount
from tests.queries.snapshots import NOW, ended, endpoint, half_opened, held, opened


def failed(**changes: object) -> DeliverySnapshot:
    return ended(DeliveryState.FAILED, **changes)


def test_a_resend_to_a_healthy_endpoint_is_sent_immediately() -> None:
    assert explain_resend(failed()) == "Sends immediately and restarts the retry schedule."


def test_a_resend_of_a_delivered_delivery_warns_of_a_duplicate() -> None:
    assert explain_resend(ended(DeliveryState.DELIVERED)) == (
        "Sends immediately and restarts the retry schedule. "
        "Already delivered; the receiver may get it twice (same webhook-id)."
    )
    assert "may get it twice" in explain_resend(failed(lost_attempts=(1,)))


def test_a_resend_waits_behind_an_open_circuit() -> None:
    assert explain_resend(failed(endpoint=endpoint(breaker=opened()))) == (
        'Will wait: billing\'s circuit is open until 03:12:35 UTC. "Send now" sends it as a probe.'
    )
    assert explain_resend(failed(endpoint=endpoint(breaker=held()))) == (
        "Will wait: billing is held by ada until it is released."
    )
    assert explain_resend(failed(endpoint=endpoint(breaker=half_opened()))) == (
        "Sends as a probe: billing's circuit is half-open."
    )


def test_a_resend_waits_for_an_endpoint_that_is_paused_or_disabled() -> None:
    for state in (EndpointState.PAUSED, EndpointState.DISABLED):
        assert explain_resend(failed(endpoint=endpoint(state=state))) == (
            f"Will wait: billing is {state.value}. It is sent after a resume."
        )


def test_a_resend_waits_for_a_rate_limit_and_a_full_lane() -> None:
    assert explain_resend(failed(endpoint=endpoint(throttled_until=NOW + 28))) == (
        "Will wait: billing is rate limited (429) until 03:12:35 UTC."
    )
    assert explain_resend(failed(endpoint=endpoint(in_flight=BoundedCount(64)))) == (
        "Sends when an attempt to billing finishes: 64 are in flight."
    )
