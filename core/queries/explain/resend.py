"""What will happen when a delivery is resent: said before it is done. Pure."""

from typing import assert_never

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import DeliveryState, EndpointState
from breakwater.core.queries.explain.snapshot import DeliverySnapshot, EndpointSnapshot
from breakwater.core.text.format import format_actor, sanitize
from breakwater.core.text.zones import format_time


def can_resend(standing: DeliverySnapshot) -> bool:
    """Whether a resend is possible: not while an attempt is under way, nor to an endpoint that was deleted."""
    return standing.state is not DeliveryState.IN_FLIGHT and not standing.lane.deleted


def can_cancel(standing: DeliverySnapshot) -> bool:
    """Whether it can be cancelled: only what waits can."""
    return standing.state is DeliveryState.PENDING


def resend_consequence(standing: DeliverySnapshot) -> str:
    """Return what a resend does now, as the operation will do it."""
    name = sanitize(standing.lane.name)
    if standing.lane.deleted:
        return f"It cannot be resent: the endpoint {name} was deleted."
    match standing.state:
        case DeliveryState.IN_FLIGHT:
            return "It cannot be resent now: an attempt is under way."
        case DeliveryState.DELIVERED:
            twice = " It was delivered already: the receiver may see it twice, under the same webhook-id."
        case DeliveryState.PENDING | DeliveryState.FAILED | DeliveryState.CANCELLED:
            lost = "An attempt was lost and may have been delivered: the receiver may see it twice."
            twice = f" {lost}" if standing.lost_attempts else ""
        case _:
            assert_never(standing.state)
    return f"{_when(standing.lane, standing.now)}{twice}"


def _when(lane: EndpointSnapshot, now: float) -> str:
    name = sanitize(lane.name)
    match lane.state:
        case EndpointState.PAUSED | EndpointState.DISABLED:
            return f"It will wait: {name} is {lane.state.value}, and it goes out when that is resumed."
        case EndpointState.ENABLED:
            return _past_circuit(lane, now)
        case _:
            assert_never(lane.state)


def _past_circuit(lane: EndpointSnapshot, now: float) -> str:
    name, breaker = sanitize(lane.name), lane.breaker
    match breaker.state:
        case CircuitState.CLOSED:
            return _past_throttling(lane, now)
        case CircuitState.HALF_OPEN:
            return f"It will go out as a probe: the circuit of {name} is half open."
        case CircuitState.OPEN:
            pass
        case _:
            assert_never(breaker.state)
    hold = breaker.hold
    if hold is not None and not hold.is_over(now):
        end = "that is released" if hold.until is None else f"{format_time(hold.until, now)}"
        by = format_actor(hold.by) if hold.by else "somebody"
        return f"It will wait until {end}: {by} holds the circuit of {name} open."
    probe_at = breaker.next_admission_at(now=now)
    if probe_at is None:
        return f"It will go out as a probe: the circuit of {name} is open and may be tried now."
    until = format_time(probe_at, now)
    return f"It will wait: the circuit of {name} is open until {until}. “Send now” makes it a probe."


def _past_throttling(lane: EndpointSnapshot, now: float) -> str:
    if lane.throttled_until is not None and lane.throttled_until > now:
        until = format_time(lane.throttled_until, now)
        return f"It will wait until {until}: the receiver of {sanitize(lane.name)} asked for a pause."
    if lane.in_flight.value >= lane.max_in_flight:
        return (
            f"It will go out when an attempt to {sanitize(lane.name)} ends: {lane.in_flight} are under way."
        )
    return "It will go out at once, with a new retry budget."
