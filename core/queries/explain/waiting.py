"""What a pending delivery waits for. Pure."""

from typing import assert_never

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import EndpointState, FailureClass, Trigger
from breakwater.core.queries.explain.snapshot import LaneFacts, Standing
from breakwater.core.text.format import counted, ordinal, quote, reason_in_brackets, who
from breakwater.core.text.zones import on_clock


def why_waiting(standing: Standing) -> str:
    """Return what a pending delivery waits for: the strongest of the things that keep it."""
    blocker = _stopped_by_a_person(standing) or _stopped_by_circuit(standing) or _throttled(standing)
    return blocker or _waiting(standing)


def _stopped_by_a_person(standing: Standing) -> str | None:
    lane = standing.lane
    if lane.deleted:
        return f"Not sent: the endpoint {quote(lane.name)} was deleted."
    match lane.state:
        case EndpointState.DISABLED:
            reason = f": {quote(lane.state_reason)}" if lane.state_reason else ""
            return f"Held: {quote(lane.name)} is disabled{reason}. It goes out when somebody resumes the endpoint."
        case EndpointState.PAUSED:
            by = f" by {who(lane.deed.actor)}" if lane.deed else ""
            reason = reason_in_brackets(lane.state_reason)
            return f"Held: {quote(lane.name)} is paused{by}{reason}. It goes out when somebody resumes the endpoint."
        case EndpointState.ENABLED:
            return None
        case _:
            assert_never(lane.state)


def _stopped_by_circuit(standing: Standing) -> str | None:
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
                    else f"until {on_clock(hold.until, now)}"
                )
                by = who(hold.by) if hold.by else "somebody"
                reason = reason_in_brackets(hold.reason)
                return f"Held: {by} holds the circuit of {quote(lane.name)} open {end}{reason}; probes follow then."
            return _behind_open_circuit(standing)
        case _:
            assert_never(lane.breaker.state)


def _behind_open_circuit(standing: Standing) -> str:
    lane, now = standing.lane, standing.now
    cause = reason_in_brackets(lane.opening_cause)
    probe_at = lane.breaker.next_admission_at(now=now)
    due = standing.next_attempt_at
    if due is not None and due > max(now, probe_at or now):
        probing = "may be probed now" if probe_at is None else f"may be probed from {on_clock(probe_at, now)}"
        return (
            f"{_due_sentence(standing, due)} The circuit of {quote(lane.name)} is open{cause} and {probing}."
        )
    if probe_at is None:
        return f"Held: the circuit of {quote(lane.name)} is open{cause}; the next delivery goes out as its probe."
    return (
        f"Held: the circuit of {quote(lane.name)} is open{cause}. "
        f"The next probe may go out at {on_clock(probe_at, now)}; waiting spends no attempts."
    )


def _behind_probes(standing: Standing) -> str:
    lane, now = standing.lane, standing.now
    due = standing.next_attempt_at
    if due is not None and due > now:
        return f"{_due_sentence(standing, due)} The circuit of {quote(lane.name)} is half open: it is being probed."
    needed = lane.breaker.config.success_threshold - lane.breaker.success_count
    return (
        f"Held: the circuit of {quote(lane.name)} is half open and lets out at most "
        f"{counted(lane.breaker.config.half_open_max_calls, 'probe')} at once; "
        f"{counted(max(1, needed), 'more success', 'more successes')} close it."
    )


def _throttled(standing: Standing) -> str | None:
    lane, now = standing.lane, standing.now
    until = lane.throttled_until
    if until is None or until <= now or until <= (standing.next_attempt_at or now):
        return None
    pause = f"Held: the receiver of {quote(lane.name)} asked for a pause until {on_clock(until, now)}"
    return f"{pause}; its whole lane waits."


def _waiting(standing: Standing) -> str:
    due = standing.next_attempt_at
    if due is None:
        return "Waits for its turn."
    if due > standing.now:
        return _due_sentence(standing, due)
    return f"{_turn(standing)} has been due since {on_clock(due, standing.now)}: {_crowd(standing.lane)}."


def _due_sentence(standing: Standing, due: float) -> str:
    return f"{_turn(standing)} is due at {on_clock(due, standing.now)}{_after(standing)}."


def _turn(standing: Standing) -> str:
    """Return which attempt comes next. A resend keeps the numbering and gives the budget anew, so both are said."""
    number = standing.attempt_count + 1
    within = standing.budget_spent + 1
    if number == within:
        return f"Attempt {number} of {standing.max_attempts}"
    return f"Attempt {number} ({ordinal(within)} of {standing.max_attempts} of its present budget)"


def _after(standing: Standing) -> str:
    if standing.trigger is not Trigger.SCHEDULE and standing.deed is not None:
        return f", because {who(standing.deed.actor)} resent it{reason_in_brackets(standing.deed.reason)}"
    if standing.failure_class is None:
        return ""
    if standing.failure_class is FailureClass.LOST:
        return " after its worker was lost; it may have been delivered"
    return f" after {standing.met}"


def _crowd(lane: LaneFacts) -> str:
    if lane.in_flight.value >= lane.max_in_flight:
        return f"{quote(lane.name)} has {lane.in_flight} of {lane.max_in_flight} attempts under way"
    waiting = counted(lane.due_before.value, "delivery", more=lane.due_before.more)
    if lane.rate_limit is not None and lane.due_before.value:
        return f"{quote(lane.name)} takes {lane.rate_limit:g} a second, and {waiting} of it go before"
    if lane.due_before.value:
        return f"{waiting} of {quote(lane.name)} go before it"
    return f"it is the next of {quote(lane.name)} to go out"
