"""Sentences about what a pending delivery waits for: the strongest reason. Pure."""

from typing import assert_never

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import EndpointState, FailureClass, Trigger
from breakwater.core.queries.explain.snapshot import DeliverySnapshot, EndpointSnapshot
from breakwater.core.text.format import format_actor, pluralize, reason_in_brackets, sanitize
from breakwater.core.text.zones import format_time


def explain_waiting(delivery: DeliverySnapshot) -> str:
    """Return what a pending delivery waits for: its endpoint, its circuit, a rate limit, its schedule or its turn."""
    return (
        _stopped_endpoint(delivery)
        or _open_circuit(delivery)
        or _throttled_endpoint(delivery)
        or _schedule_or_queue(delivery)
    )


def _stopped_endpoint(delivery: DeliverySnapshot) -> str | None:
    endpoint = delivery.endpoint
    name = sanitize(endpoint.name)
    if endpoint.deleted:
        return f"Not sent: the endpoint {name} was deleted."
    match endpoint.state:
        case EndpointState.DISABLED:
            reason = reason_in_brackets(endpoint.state_reason)
            return f"Held: {name} is disabled{reason}. It is sent when the endpoint is resumed."
        case EndpointState.PAUSED:
            by = f" by {format_actor(endpoint.latest_operation.actor)}" if endpoint.latest_operation else ""
            reason = reason_in_brackets(endpoint.state_reason)
            return f"Held: {name} is paused{by}{reason}. It is sent when the endpoint is resumed."
        case EndpointState.ENABLED:
            return None
        case _:
            assert_never(endpoint.state)


def _open_circuit(delivery: DeliverySnapshot) -> str | None:
    breaker, now = delivery.endpoint.breaker, delivery.now
    match breaker.state:
        case CircuitState.CLOSED:
            return None
        case CircuitState.HALF_OPEN:
            return _behind_probes(delivery)
        case CircuitState.OPEN:
            hold = breaker.hold
            if hold is None or hold.is_over(now):
                return _behind_open_circuit(delivery)
            by = f" by {format_actor(hold.by)}" if hold.by else ""
            end = "it is released" if hold.until is None else format_time(hold.until, now)
            reason = reason_in_brackets(hold.reason)
            name = sanitize(delivery.endpoint.name)
            return f"Held: {name} is held{by} until {end}{reason}. Probes are sent first after that."
        case _:
            assert_never(breaker.state)


def _behind_open_circuit(delivery: DeliverySnapshot) -> str:
    endpoint, now, due = delivery.endpoint, delivery.now, delivery.next_attempt_at
    circuit = f"{sanitize(endpoint.name)}'s circuit is open{reason_in_brackets(endpoint.opening_cause)}"
    probe_at = endpoint.breaker.next_admission_at(now=now)
    if due is not None and due > max(now, probe_at or now):
        probe = "a probe is due now" if probe_at is None else f"next probe at {format_time(probe_at, now)}"
        return f"{_due_sentence(delivery, due)} {circuit}; {probe}."
    if probe_at is None:
        return f"Held: {circuit}. The next delivery is sent as a probe."
    return f"Held: {circuit}. Next probe at {format_time(probe_at, now)}; waiting uses no retries."


def _behind_probes(delivery: DeliverySnapshot) -> str:
    endpoint, now, due = delivery.endpoint, delivery.now, delivery.next_attempt_at
    circuit = f"{sanitize(endpoint.name)}'s circuit is half-open"
    if due is not None and due > now:
        return f"{_due_sentence(delivery, due)} {circuit}: probes are being sent."
    config = endpoint.breaker.config
    needed = max(1, config.success_threshold - endpoint.breaker.success_count)
    return (
        f"Held: {circuit}, with at most {pluralize(config.half_open_max_calls, 'probe')} in flight. "
        f"It closes after {pluralize(needed, 'more success', 'more successes')}."
    )


def _throttled_endpoint(delivery: DeliverySnapshot) -> str | None:
    until, now = delivery.endpoint.throttled_until, delivery.now
    if until is None or until <= now or until <= (delivery.next_attempt_at or now):
        return None
    name = sanitize(delivery.endpoint.name)
    return f"Held: {name} is rate limited (429) until {format_time(until, now)}; all its deliveries wait."


def _schedule_or_queue(delivery: DeliverySnapshot) -> str:
    due, now = delivery.next_attempt_at, delivery.now
    if due is None:
        return "Waiting for its turn."
    if due > now:
        return _due_sentence(delivery, due)
    return (
        f"{_next_attempt(delivery)} has been due since {format_time(due, now)}: {_queue(delivery.endpoint)}."
    )


def _due_sentence(delivery: DeliverySnapshot, due: float) -> str:
    return f"{_next_attempt(delivery)} is due at {format_time(due, delivery.now)}{_why_due(delivery)}."


def _next_attempt(delivery: DeliverySnapshot) -> str:
    """Return which attempt comes next. A resend keeps the numbering and restarts the schedule, so both are named."""
    number = delivery.attempt_count + 1
    scheduled = delivery.budget_spent + 1
    if number == scheduled:
        return f"Attempt {number} of {delivery.max_attempts}"
    return f"Attempt {number} ({scheduled} of {delivery.max_attempts} since the resend)"


def _why_due(delivery: DeliverySnapshot) -> str:
    operation = delivery.latest_operation
    if delivery.failure_class is FailureClass.LOCAL_SHORTAGE:
        return f". No attempt was used: {delivery.last_outcome}"
    if delivery.trigger is not Trigger.SCHEDULE and operation is not None:
        return f", resent by {format_actor(operation.actor)}{reason_in_brackets(operation.reason)}"
    if delivery.failure_class is None:
        return ""
    if delivery.failure_class is FailureClass.LOST:
        return " after its worker was lost (may have been delivered)"
    return f" after {delivery.last_outcome}"


def _queue(endpoint: EndpointSnapshot) -> str:
    name = sanitize(endpoint.name)
    if endpoint.in_flight.value >= endpoint.max_in_flight:
        return f"{name} has {endpoint.in_flight} of {endpoint.max_in_flight} attempts in flight"
    if not endpoint.ahead.value:
        return f"it is next in line for {name}"
    ahead = pluralize(endpoint.ahead.value, "delivery", more=endpoint.ahead.more)
    if endpoint.rate_limit is not None:
        return f"{name} is limited to {endpoint.rate_limit:g} per second, with {ahead} ahead"
    return f"{ahead} to {name} ahead"
