"""Why a delivery is not delivered yet, or how it ended: one sentence or two for every state. Pure."""

from http import HTTPStatus
from typing import Final, assert_never

from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.explain.snapshot import DeliverySnapshot
from breakwater.core.queries.explain.waiting import why_waiting
from breakwater.core.text.format import (
    format_actor,
    format_duration,
    ordinal,
    pluralize,
    reason_in_brackets,
    sanitize,
)
from breakwater.core.text.zones import format_time

_NO_RETRY: Final = {
    FailureClass.REDIRECT: "Redirects are never followed; correct the endpoint's URL and resend it.",
    FailureClass.GONE: "The receiver asks for no more, and its endpoint was disabled.",
    FailureClass.CLIENT_ERROR: "The receiver will not take this request, so it is not tried again.",
    FailureClass.BLOCKED: "Nothing was sent: the guard does not let this address be called.",
}


def why(standing: DeliverySnapshot) -> str:
    """Return why the delivery stands where it does. Times are absolute: the page counts down by itself."""
    match standing.state:
        case DeliveryState.PENDING:
            return why_waiting(standing)
        case DeliveryState.IN_FLIGHT:
            return _in_flight(standing)
        case DeliveryState.DELIVERED:
            return _delivered(standing)
        case DeliveryState.FAILED:
            return _failed(standing)
        case DeliveryState.CANCELLED:
            return _cancelled(standing)
        case _:
            assert_never(standing.state)


# --- under way


def _in_flight(standing: DeliverySnapshot) -> str:
    number, now = standing.attempt_count + 1, standing.now
    if standing.lease_until is not None and standing.lease_until <= now:
        return (
            f"The worker of attempt {number} was lost: its lease ended at {format_time(standing.lease_until, now)}. "
            "It may have been delivered; within a minute it is rescued and tried again."
        )
    since = "" if standing.running_since is None else f" since {format_time(standing.running_since, now)}"
    return f"Attempt {number} has been under way{since}; it ends within {format_duration(standing.lane.timeout)}."


# --- ended


def _delivered(standing: DeliverySnapshot) -> str:
    took = ""
    if standing.finished_at is not None:
        took = (
            f", {format_duration(max(0.0, standing.finished_at - standing.created_at))} after it was accepted"
        )
    attempt = f"the {ordinal(max(1, standing.attempt_count))} attempt"
    return f"Delivered at {attempt}{took}{_status(standing)}.{_maybe_twice(standing)}"


def _status(standing: DeliverySnapshot) -> str:
    if standing.status_code is None:
        return ""
    try:
        return f" ({standing.status_code} {HTTPStatus(standing.status_code).phrase})"
    except ValueError:
        return f" ({standing.status_code})"


def _maybe_twice(standing: DeliverySnapshot) -> str:
    if not standing.lost_attempts:
        return ""
    numbers = ", ".join(map(str, standing.lost_attempts))
    return f" Attempt {numbers} was lost with its worker and may have been delivered too."


def _failed(standing: DeliverySnapshot) -> str:
    at = "" if standing.finished_at is None else f" at {format_time(standing.finished_at, standing.now)}"
    failure = standing.failure_class
    if failure is FailureClass.LOST:
        times = pluralize(max(1, standing.lost_count), "time")
        return f"Failed{at}: its worker died {times} in a row while sending it. It may have been delivered."
    if failure in _NO_RETRY:
        return f"Failed{at}: {standing.met}. {_NO_RETRY[failure]}"
    if standing.budget_spent >= standing.max_attempts:
        spent = pluralize(standing.max_attempts, "attempt")
        all_spent = "its only attempt" if standing.max_attempts == 1 else f"all {spent}"
        return f"Failed{at} after {all_spent}; the last met {standing.met}.{_maybe_twice(standing)}"
    return f"Failed{at}: {standing.met}."


def _cancelled(standing: DeliverySnapshot) -> str:
    deed = standing.deed
    if deed is not None and deed.action.endswith("cancel"):
        by = f" by {format_actor(deed.actor)} at {format_time(deed.at, standing.now)}{reason_in_brackets(deed.reason)}"
    elif standing.lane.deleted:
        by = f", because the endpoint {sanitize(standing.lane.name)} was deleted"
    else:
        by = "" if standing.finished_at is None else f" at {format_time(standing.finished_at, standing.now)}"
    made = pluralize(standing.attempt_count, "attempt") if standing.attempt_count else "any attempt"
    return f"Cancelled{by}, {'after' if standing.attempt_count else 'before'} {made}."
