"""What a circuit is doing, and what a reset of it will do. Pure."""

from dataclasses import dataclass
from typing import assert_never

from breakwater.core.domain.circuit import CircuitBreaker, CircuitState
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.text.format import format_actor, pluralize, reason_in_brackets
from breakwater.core.text.zones import format_time


@dataclass(frozen=True, slots=True)
class CircuitSnapshot:
    """One circuit at one moment."""

    now: float
    breaker: CircuitBreaker
    backlog: BoundedCount
    """Pending deliveries of its lane."""
    max_in_flight: int
    endpoint_state: EndpointState = EndpointState.ENABLED
    opening_cause: str | None = None
    """Why it is not closed, in the words of its last transition."""


def circuit_sentence(facts: CircuitSnapshot) -> str:
    """Return what the circuit is doing and what happens next."""
    return f"{_doing(facts)}{_beside(facts)}"


def _doing(facts: CircuitSnapshot) -> str:
    match facts.breaker.state:
        case CircuitState.CLOSED:
            return _closed(facts)
        case CircuitState.OPEN:
            return _open(facts)
        case CircuitState.HALF_OPEN:
            return _half_open(facts)
        case _:
            assert_never(facts.breaker.state)


def _closed(facts: CircuitSnapshot) -> str:
    breaker, config = facts.breaker, facts.breaker.config
    calls, failures = breaker.recent(now=facts.now)
    if breaker.failure_count:
        return f"Closed: {breaker.failure_count} of {config.failure_threshold} failures in a row."
    if failures:
        return f"Closed: {failures} of {calls} calls failed in the last {config.window_seconds:g} s."
    return "Closed: deliveries go out."


def _open(facts: CircuitSnapshot) -> str:
    breaker, now = facts.breaker, facts.now
    hold = breaker.hold
    if hold is not None and not hold.is_over(now):
        by, reason = format_actor(hold.by) if hold.by else "somebody", reason_in_brackets(hold.reason)
        end = "until somebody releases it" if hold.until is None else f"until {format_time(hold.until, now)}"
        return f"Held open by {by} since {format_time(hold.since, now)}{reason}: {_waiting(facts)} {end}."
    since = "" if breaker.opened_at is None else f" since {format_time(breaker.opened_at, now)}"
    probe_at = breaker.next_admission_at(now=now)
    probing = (
        "the next delivery goes out as a probe"
        if probe_at is None
        else f"next probe at {format_time(probe_at, now)}"
    )
    return f"Open{since}{reason_in_brackets(facts.opening_cause)}: {_waiting(facts)}; {probing}."


def _half_open(facts: CircuitSnapshot) -> str:
    breaker, config = facts.breaker, facts.breaker.config
    under_way = live_permits(breaker, facts.now)
    return (
        f"Half open: {breaker.success_count} of {pluralize(config.success_threshold, 'success', 'successes')} "
        f"that close it, {under_way} of {pluralize(config.half_open_max_calls, 'probe')} under way; {_waiting(facts)}."
    )


def _waiting(facts: CircuitSnapshot) -> str:
    if not facts.backlog.value:
        return "nothing waits"
    many = pluralize(facts.backlog.value, "delivery", more=facts.backlog.more)
    return f"{many} {'waits' if facts.backlog == BoundedCount(1) else 'wait'}"


def _beside(facts: CircuitSnapshot) -> str:
    match facts.endpoint_state:
        case EndpointState.ENABLED:
            return ""
        case EndpointState.PAUSED | EndpointState.DISABLED:
            return f" The endpoint is {facts.endpoint_state.value}: nothing goes out."
        case _:
            assert_never(facts.endpoint_state)


def live_permits(breaker: CircuitBreaker, now: float) -> int:
    """Return how many probes are under way: permits that have not expired."""
    return sum(expires_at > now for expires_at in breaker.permits)


def reset_consequence(facts: CircuitSnapshot) -> str:
    """Return what a reset does now."""
    if facts.endpoint_state is not EndpointState.ENABLED:
        return f"Closes the circuit; its endpoint is {facts.endpoint_state.value}, so {_stays(facts)}."
    if facts.breaker.state is CircuitState.CLOSED:
        if facts.breaker.is_pristine:
            return "Changes nothing: the circuit is closed and has counted no failure."
        return "Clears the counted failures; the circuit is closed already."
    if not facts.backlog.value:
        return "Closes the circuit now. Nothing is held; the next delivery goes out at once."
    held = pluralize(facts.backlog.value, "held delivery", "held deliveries", more=facts.backlog.more)
    follow = "follows" if facts.backlog == BoundedCount(1) else "follow"
    return (
        f"Closes the circuit now. {held} {follow}: one at first, then one more with each success, "
        f"up to {facts.max_in_flight} at once."
    )


def _stays(facts: CircuitSnapshot) -> str:
    if not facts.backlog.value:
        return "nothing goes out"
    return f"{pluralize(facts.backlog.value, 'delivery', more=facts.backlog.more)} stay held"
