"""Sentences about what a resend would do. Pure."""

from typing import assert_never

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import DeliveryState, EndpointState
from breakwater.core.queries.explain.snapshot import DeliverySnapshot, EndpointSnapshot
from breakwater.core.text.format import format_actor, sanitize
from breakwater.core.text.zones import format_time


def can_resend(delivery: DeliverySnapshot) -> bool:
    """Return whether a resend is possible: not in flight, and not to a deleted endpoint."""
    return delivery.state is not DeliveryState.IN_FLIGHT and not delivery.endpoint.deleted


def can_cancel(delivery: DeliverySnapshot) -> bool:
    """Return whether the delivery can be cancelled: only while it is pending."""
    return delivery.state is DeliveryState.PENDING


def explain_resend(delivery: DeliverySnapshot) -> str:
    """Return what a resend does now."""
    if delivery.endpoint.deleted:
        return f"Cannot be resent: the endpoint {sanitize(delivery.endpoint.name)} was deleted."
    match delivery.state:
        case DeliveryState.IN_FLIGHT:
            return "Cannot be resent now: an attempt is in flight."
        case DeliveryState.DELIVERED:
            duplicate = " Already delivered; the receiver may get it twice (same webhook-id)."
        case DeliveryState.PENDING | DeliveryState.FAILED | DeliveryState.CANCELLED:
            lost = " A lost attempt may have been delivered; the receiver may get it twice (same webhook-id)."
            duplicate = lost if delivery.lost_attempts else ""
        case _:
            assert_never(delivery.state)
    return f"{_when(delivery.endpoint, delivery.now)}{duplicate}"


def _when(endpoint: EndpointSnapshot, now: float) -> str:
    match endpoint.state:
        case EndpointState.PAUSED | EndpointState.DISABLED:
            return (
                f"Will wait: {sanitize(endpoint.name)} is {endpoint.state.value}. It is sent after a resume."
            )
        case EndpointState.ENABLED:
            return _when_admitted(endpoint, now)
        case _:
            assert_never(endpoint.state)


def _when_admitted(endpoint: EndpointSnapshot, now: float) -> str:
    name, breaker = sanitize(endpoint.name), endpoint.breaker
    match breaker.state:
        case CircuitState.CLOSED:
            return _when_due(endpoint, now)
        case CircuitState.HALF_OPEN:
            return f"Sends as a probe: {name}'s circuit is half-open."
        case CircuitState.OPEN:
            pass
        case _:
            assert_never(breaker.state)
    hold = breaker.hold
    if hold is not None and not hold.is_over(now):
        by = f" by {format_actor(hold.by)}" if hold.by else ""
        end = "it is released" if hold.until is None else format_time(hold.until, now)
        return f"Will wait: {name} is held{by} until {end}."
    probe_at = breaker.next_admission_at(now=now)
    if probe_at is None:
        return f"Sends as a probe: {name}'s circuit is open and a probe is due."
    until = format_time(probe_at, now)
    return f'Will wait: {name}\'s circuit is open until {until}. "Send now" sends it as a probe.'


def _when_due(endpoint: EndpointSnapshot, now: float) -> str:
    name = sanitize(endpoint.name)
    if endpoint.throttled_until is not None and endpoint.throttled_until > now:
        return f"Will wait: {name} is rate limited (429) until {format_time(endpoint.throttled_until, now)}."
    if endpoint.in_flight.value >= endpoint.max_in_flight:
        return f"Sends when an attempt to {name} finishes: {endpoint.in_flight} are in flight."
    return "Sends immediately and restarts the retry schedule."
