"""Why a delivery is in its state: one or two sentences for each. Pure."""

from http import HTTPStatus
from typing import Final, assert_never

from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.explain.snapshot import DeliverySnapshot
from breakwater.core.queries.explain.waiting import explain_waiting
from breakwater.core.text.format import (
    format_actor,
    format_duration,
    pluralize,
    reason_in_brackets,
    sanitize,
)
from breakwater.core.text.zones import format_time

_NO_RETRY: Final = {
    FailureClass.REDIRECT: "Redirects are not followed. Correct the endpoint's URL, then resend.",
    FailureClass.GONE: "Endpoint disabled (410 Gone).",
    FailureClass.CLIENT_ERROR: "The receiver rejected the request; it will not be retried.",
    FailureClass.BLOCKED: "Blocked address: nothing was sent.",
}


def explain_delivery(delivery: DeliverySnapshot) -> str:
    """Return why the delivery is in its state. Times are absolute: the sentence stays true while it is shown."""
    match delivery.state:
        case DeliveryState.PENDING:
            return explain_waiting(delivery)
        case DeliveryState.IN_FLIGHT:
            return _in_flight(delivery)
        case DeliveryState.DELIVERED:
            return _delivered(delivery)
        case DeliveryState.FAILED:
            return _failed(delivery)
        case DeliveryState.CANCELLED:
            return _cancelled(delivery)
        case _:
            assert_never(delivery.state)


def _in_flight(delivery: DeliverySnapshot) -> str:
    number, now = delivery.attempt_count + 1, delivery.now
    if delivery.lease_until is not None and delivery.lease_until <= now:
        return (
            f"The worker of attempt {number} was lost: its lease expired at {format_time(delivery.lease_until, now)}. "
            "The webhook may have been delivered. It is requeued within a minute."
        )
    since = "" if delivery.in_flight_since is None else f" since {format_time(delivery.in_flight_since, now)}"
    timeout = format_duration(delivery.endpoint.timeout)
    return f"Attempt {number} has been in flight{since}; it times out after {timeout}."


def _delivered(delivery: DeliverySnapshot) -> str:
    duration = ""
    if delivery.finished_at is not None:
        seconds = max(0.0, delivery.finished_at - delivery.created_at)
        duration = f", {format_duration(seconds)} after acceptance"
    number = max(1, delivery.attempt_count)
    return f"Delivered on attempt {number}{duration}{_status_code(delivery)}.{_duplicate_warning(delivery)}"


def _status_code(delivery: DeliverySnapshot) -> str:
    if delivery.status_code is None:
        return ""
    try:
        return f" ({delivery.status_code} {HTTPStatus(delivery.status_code).phrase})"
    except ValueError:
        return f" ({delivery.status_code})"


def _duplicate_warning(delivery: DeliverySnapshot) -> str:
    if not delivery.lost_attempts:
        return ""
    numbers = ", ".join(map(str, delivery.lost_attempts))
    return f" The worker of attempt {numbers} was lost: it may have been delivered too."


def _failed(delivery: DeliverySnapshot) -> str:
    at = _finished_at(delivery)
    failure = delivery.failure_class
    if failure is FailureClass.LOST:
        times = pluralize(max(1, delivery.lost_count), "time")
        return f"Failed{at}: its worker was lost {times} in a row. The webhook may have been delivered."
    if failure in _NO_RETRY:
        return f"Failed{at}: {delivery.last_outcome}. {_NO_RETRY[failure]}"
    if delivery.budget_spent >= delivery.max_attempts:
        attempts = (
            "its only attempt"
            if delivery.max_attempts == 1
            else f"all {pluralize(delivery.max_attempts, 'attempt')}"
        )
        return f"Failed{at} after {attempts}; last outcome: {delivery.last_outcome}.{_duplicate_warning(delivery)}"
    return f"Failed{at}: {delivery.last_outcome}."


def _cancelled(delivery: DeliverySnapshot) -> str:
    operation = delivery.latest_operation
    if operation is not None and operation.action.endswith("cancel"):
        at = format_time(operation.at, delivery.now)
        by = f" by {format_actor(operation.actor)} at {at}{reason_in_brackets(operation.reason)}"
    elif delivery.endpoint.deleted:
        by = f" because the endpoint {sanitize(delivery.endpoint.name)} was deleted"
    else:
        by = _finished_at(delivery)
    count = delivery.attempt_count
    after = f"after {pluralize(count, 'attempt')}" if count else "before any attempt"
    return f"Cancelled{by}, {after}."


def _finished_at(delivery: DeliverySnapshot) -> str:
    return "" if delivery.finished_at is None else f" at {format_time(delivery.finished_at, delivery.now)}"
