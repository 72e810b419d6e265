"""What a pending delivery waits for. Pure."""

from typing import assert_never

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import EndpointState, FailureClass, Trigger
from breakwater.core.queries.explain.snapshot import DeliverySnapshot, EndpointSnapshot
from breakwater.core.text.format import format_actor, ordinal, pluralize, reason_in_brackets, sanitize
from breakwater.core.text.zones import format_time


def why_waiting(standing: DeliverySnapshot) -> str:
    """Return what a pending delivery waits for: the strongest of the things that keep it."""
    blocker = _stopped_by_a_person(standing) or _stopped_by_circuit(standing) or _throttled(standing)
    return blocker or _waiting(standing)


def _stopped_by_a_person(standing: DeliverySnapshot) -> str | None:
    lane = standing.lane
    if lane.deleted:
        return f"Not sent: the endpoint {sanitize(lane.name)} was deleted."
    match lane.state:
        case EndpointState.DISABLED:
            reason = f": {sanitize(lane.state_reason)}" if lane.state_reason else ""
            return f"Held: {sanitize(lane.name)} is disabled{reason}. It goes out when somebody resumes the endpoint."
        case EndpointState.PAUSED:
            by = f" by {format_actor(lane.deed.actor)}" if lane.deed else ""
            reason = reason_in_brackets(lane.state_reason)
            return f"Held: {sanitize(lane.name)} is paused{by}{reason}. It goes out when somebody resumes the endpoint."
        case EndpointState.ENABLED:
            return None
        case _:
            assert_never(lane.state)


def _stopped_by_circuit(standing: DeliverySnapshot) -> str | None:
    lane, now = standing.lane, standing.now
    match lane.breaker.state:
        case CircuitState.CLOSED:
            return None
        case CircuitState.HALF_OPEN:
            return _behind_probes(standing)
        case CircuitState.OPEN:
            hold = lane.breaker.hold
            if hold is not None and not hold.is_over(now):
                end = (
                    "until somebody releases it"
                    if hold.until is None
                    else f"until {format_time(hold.until, now)}"
                )
                by = format_actor(hold.by) if hold.by else "somebody"
                reason = reason_in_brackets(hold.reason)
                return f"Held: {by} holds the circuit of {sanitize(lane.name)} open {end}{reason}; probes follow then."
            return _behind_open_circuit(standing)
        case _:
            assert_never(lane.breaker.state)


def _behind_open_circuit(standing: DeliverySnapshot) -> str:
    lane, now = standing.lane, standing.now
    cause = reason_in_brackets(lane.opening_cause)
    probe_at = lane.breaker.next_admission_at(now=now)
    due = standing.next_attempt_at
    if due is not None and due > max(now, probe_at or now):
        probing = (
            "may be probed now" if probe_at is None else f"may be probed from {format_time(probe_at, now)}"
        )
        return f"{_due_sentence(standing, due)} The circuit of {sanitize(lane.name)} is open{cause} and {probing}."
    if probe_at is None:
        return f"Held: the circuit of {sanitize(lane.name)} is open{cause}; the next delivery goes out as its probe."
    return (
        f"Held: the circuit of {sanitize(lane.name)} is open{cause}. "
        f"The next probe may go out at {format_time(probe_at, now)}; waiting spends no attempts."
    )


def _behind_probes(standing: DeliverySnapshot) -> str:
    lane, now = standing.lane, standing.now
    due = standing.next_attempt_at
    if due is not None and due > now:
        return f"{_due_sentence(standing, due)} The circuit of {sanitize(lane.name)} is half open: it is being probed."
    needed = lane.breaker.config.success_threshold - lane.breaker.success_count
    return (
        f"Held: the circuit of {sanitize(lane.name)} is half open and lets out at most "
        f"{pluralize(lane.breaker.config.half_open_max_calls, 'probe')} at once; "
        f"{pluralize(max(1, needed), 'more success', 'more successes')} close it."
    )


def _throttled(standing: DeliverySnapshot) -> str | None:
    lane, now = standing.lane, standing.now
    until = lane.throttled_until
    if until is None or until <= now or until <= (standing.next_attempt_at or now):
        return None
    pause = f"Held: the receiver of {sanitize(lane.name)} asked for a pause until {format_time(until, now)}"
    return f"{pause}; its whole lane waits."


def _waiting(standing: DeliverySnapshot) -> str:
    due = standing.next_attempt_at
    if due is None:
        return "Waits for its turn."
    if due > standing.now:
        return _due_sentence(standing, due)
    return f"{_turn(standing)} has been due since {format_time(due, standing.now)}: {_queue_position(standing.lane)}."


def _due_sentence(standing: DeliverySnapshot, due: float) -> str:
    return f"{_turn(standing)} is due at {format_time(due, standing.now)}{_after(standing)}."


def _turn(standing: DeliverySnapshot) -> str:
    """Return which attempt comes next. A resend keeps the numbering and gives the budget anew, so both are said."""
    number = standing.attempt_count + 1
    within = standing.budget_spent + 1
    if number == within:
        return f"Attempt {number} of {standing.max_attempts}"
    return f"Attempt {number} ({ordinal(within)} of {standing.max_attempts} of its present budget)"


def _after(standing: DeliverySnapshot) -> str:
    if standing.trigger is not Trigger.SCHEDULE and standing.deed is not None:
        return f", because {format_actor(standing.deed.actor)} resent it{reason_in_brackets(standing.deed.reason)}"
    if standing.failure_class is None:
        return ""
    if standing.failure_class is FailureClass.LOST:
        return " after its worker was lost; it may have been delivered"
    return f" after {standing.met}"


def _queue_position(lane: EndpointSnapshot) -> str:
    if lane.in_flight.value >= lane.max_in_flight:
        return f"{sanitize(lane.name)} has {lane.in_flight} of {lane.max_in_flight} attempts under way"
    waiting = pluralize(lane.due_before.value, "delivery", more=lane.due_before.more)
    if lane.rate_limit is not None and lane.due_before.value:
        return f"{sanitize(lane.name)} takes {lane.rate_limit:g} a second, and {waiting} of it go before"
    if lane.due_before.value:
        return f"{waiting} of {sanitize(lane.name)} go before it"
    return f"it is the next of {sanitize(lane.name)} to go out"
