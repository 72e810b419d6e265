"""Sentences about a circuit: its state, and what a reset does. Pure."""

from dataclasses import dataclass
from typing import assert_never

from breakwater.core.domain.circuit import CircuitBreaker, CircuitState, Hold
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.text.format import format_actor, pluralize, reason_in_brackets, sanitize
from breakwater.core.text.zones import format_time, format_time_range


@dataclass(frozen=True, slots=True)
class CircuitSnapshot:
    """One circuit at one time."""

    now: float
    breaker: CircuitBreaker
    backlog: BoundedCount
    """Pending deliveries of its endpoint."""
    max_in_flight: int
    endpoint_state: EndpointState = EndpointState.ENABLED
    opening_cause: str | None = None
    """Why it is not closed: the cause of its latest transition."""


def circuit_sentence(circuit: CircuitSnapshot) -> str:
    """Return the state of the circuit and what happens next."""
    return f"{_state(circuit)}{_endpoint_state(circuit.endpoint_state)}"


def _state(circuit: CircuitSnapshot) -> str:
    match circuit.breaker.state:
        case CircuitState.CLOSED:
            return _closed(circuit)
        case CircuitState.OPEN:
            hold = circuit.breaker.hold
            on_hold = hold is not None and not hold.is_over(circuit.now)
            return _held(circuit, hold) if hold is not None and on_hold else _open(circuit)
        case CircuitState.HALF_OPEN:
            return _half_open(circuit)
        case _:
            assert_never(circuit.breaker.state)


def _closed(circuit: CircuitSnapshot) -> str:
    breaker, config = circuit.breaker, circuit.breaker.config
    calls, failures = breaker.recent(now=circuit.now)
    if breaker.failure_count:
        return f"Closed: {breaker.failure_count} of {config.failure_threshold} consecutive failures."
    if failures:
        return f"Closed: {failures} of {calls} calls failed in the last {config.window_seconds:g} s."
    return "Closed: deliveries are sent."


def _held(circuit: CircuitSnapshot, hold: Hold) -> str:
    by = f" by {format_actor(hold.by)}" if hold.by else ""
    if hold.until is None:
        time = f"since {format_time(hold.since, circuit.now)} until released"
    else:
        time = f"since {format_time_range(hold.since, hold.until, circuit.now)}"
    reason = f": {sanitize(hold.reason).rstrip('.')}" if hold.reason else ""
    return f"Held{by} {time}{reason}. {_backlog(circuit)}"


def _open(circuit: CircuitSnapshot) -> str:
    breaker, now = circuit.breaker, circuit.now
    since = "" if breaker.opened_at is None else f" since {format_time(breaker.opened_at, now)}"
    probe_at = breaker.next_admission_at(now=now)
    probe = (
        "The next delivery is sent as a probe."
        if probe_at is None
        else f"Next probe at {format_time(probe_at, now)}."
    )
    return f"Open{since}{reason_in_brackets(circuit.opening_cause)}. {_backlog(circuit)} {probe}"


def _half_open(circuit: CircuitSnapshot) -> str:
    breaker, config = circuit.breaker, circuit.breaker.config
    in_flight = live_permits(breaker, circuit.now)
    return (
        f"Half-open: {in_flight} of {pluralize(config.half_open_max_calls, 'probe')} in flight, "
        f"{breaker.success_count} of {pluralize(config.success_threshold, 'success', 'successes')} needed to close. "
        f"{_backlog(circuit)}"
    )


def _backlog(circuit: CircuitSnapshot) -> str:
    return f"{circuit.backlog} waiting." if circuit.backlog.value else "No deliveries waiting."


def _endpoint_state(state: EndpointState) -> str:
    match state:
        case EndpointState.ENABLED:
            return ""
        case EndpointState.PAUSED | EndpointState.DISABLED:
            return f" The endpoint is {state.value}: nothing is sent."
        case _:
            assert_never(state)


def live_permits(breaker: CircuitBreaker, now: float) -> int:
    """Return how many probes are in flight: permits that have not expired."""
    return sum(expires_at > now for expires_at in breaker.permits)


def reset_consequence(circuit: CircuitSnapshot) -> str:
    """Return what a reset does now."""
    held = pluralize(circuit.backlog.value, "held delivery", "held deliveries", more=circuit.backlog.more)
    if circuit.endpoint_state is not EndpointState.ENABLED:
        keeps = f"keeps {held}" if circuit.backlog.value else "sends nothing"
        return f"Closes the circuit. The endpoint is {circuit.endpoint_state.value} and {keeps}."
    if circuit.breaker.state is CircuitState.CLOSED:
        if circuit.breaker.is_pristine:
            return "Changes nothing: the circuit is closed and has no counted failures."
        return "Clears the counted failures. The circuit is already closed."
    if not circuit.backlog.value:
        return "Closes the circuit. No deliveries are held; the next one is sent immediately."
    ramp = f" and ramping up to {circuit.max_in_flight}" if circuit.max_in_flight > 1 else ""
    return f"Closes the circuit and releases {held}, starting with one at a time{ramp}."
