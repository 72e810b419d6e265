"""What a resend would do is said before it is done."""

from breakwater.core.domain.states import DeliveryState, EndpointState
from breakwater.core.queries.explain.resend import resend_consequence
from breakwater.core.queries.explain.snapshot import DeliverySnapshot
from breakwater.core.queries.paging.model import BoundedCount
from tests.queries.snapshots import NOW, ended, half_opened, held, lane, opened


def failed(**changes: object) -> DeliverySnapshot:
    return ended(DeliveryState.FAILED, **changes)


def test_a_resend_goes_out_at_once_when_nothing_is_in_its_way() -> None:
    assert resend_consequence(failed()) == "It will go out at once, with a new retry budget."


def test_a_resend_of_what_arrived_may_be_seen_twice() -> None:
    assert resend_consequence(ended(DeliveryState.DELIVERED)) == (
        "It will go out at once, with a new retry budget. "
        "It was delivered already: the receiver may see it twice, under the same webhook-id."
    )
    assert "may see it twice" in resend_consequence(failed(lost_attempts=(1,)))


def test_a_resend_waits_behind_an_open_circuit() -> None:
    assert resend_consequence(failed(lane=lane(breaker=opened()))) == (
        "It will wait: the circuit of billing is open until 03:12:35 UTC. “Send now” makes it a probe."
    )
    assert resend_consequence(failed(lane=lane(breaker=held()))) == (
        "It will wait until that is released: ada holds the circuit of billing open."
    )
    assert resend_consequence(failed(lane=lane(breaker=half_opened()))) == (
        "It will go out as a probe: the circuit of billing is half open."
    )


def test_a_resend_waits_for_an_endpoint_that_is_paused_or_disabled() -> None:
    for state in (EndpointState.PAUSED, EndpointState.DISABLED):
        assert resend_consequence(failed(lane=lane(state=state))) == (
            f"It will wait: billing is {state.value}, and it goes out when that is resumed."
        )


def test_a_resend_waits_for_a_throttling_receiver_and_a_full_lane() -> None:
    assert resend_consequence(failed(lane=lane(throttled_until=NOW + 28))) == (
        "It will wait until 03:12:35 UTC: the receiver of billing asked for a pause."
    )
    assert resend_consequence(failed(lane=lane(in_flight=BoundedCount(64)))) == (
        "It will go out when an attempt to billing ends: 64 are under way."
    )
