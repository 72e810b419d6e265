"""The names of outcomes, the same in lists, filters, charts, the API, the log and the command line."""

from enum import StrEnum, unique
from http import HTTPStatus
from typing import Final, assert_never

from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.states import FailureClass

_DESCRIPTION_LENGTH: Final = 300

SUCCESS: Final = "success"
"""The key of a success in statistics and charts, which have a failure class otherwise."""


def outcome_name(outcome: str) -> str:
    """Return the name of `success` or of a failure class. Raises ValueError for anything else."""
    return "delivered" if outcome == SUCCESS else failure_name(FailureClass(outcome))


def failure_name(failure: FailureClass) -> str:  # noqa: C901, PLR0911, PLR0912 - one case for each class, all checked
    """Return the name of a failure class."""
    match failure:
        case FailureClass.REDIRECT:
            return "redirect"
        case FailureClass.GONE:
            return "endpoint gone (410)"
        case FailureClass.CLIENT_TIMEOUT:
            return "asked to retry (408/425)"
        case FailureClass.THROTTLED:
            return "rate limited (429)"
        case FailureClass.CLIENT_ERROR:
            return "client error (4xx)"
        case FailureClass.SERVER_ERROR:
            return "server error (5xx)"
        case FailureClass.CONNECT:
            return "connection failed"
        case FailureClass.DNS:
            return "DNS failed"
        case FailureClass.TLS:
            return "TLS failed"
        case FailureClass.TIMEOUT:
            return "timed out"
        case FailureClass.PROTOCOL:
            return "protocol error"
        case FailureClass.BLOCKED:
            return "blocked address"
        case FailureClass.INTERNAL_ERROR:
            return "internal error"
        case FailureClass.LOCAL_SHORTAGE:
            return "local shortage"
        case FailureClass.LOST:
            return "worker lost"
        case _:
            assert_never(failure)


def describe_outcome(outcome: Outcome) -> str:
    """Return the outcome of an attempt in short: `503 Service Unavailable`, `connection refused by 192.0.2.7:443`."""
    match outcome:
        case Response():
            return _status_line(outcome.status)
        case TransportFailure():
            return (outcome.detail or failure_name(outcome.failure))[:_DESCRIPTION_LENGTH]
        case _:
            assert_never(outcome)


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} (unknown status)"


def class_list() -> str:
    """Return every failure class with its name, for the help of a filter: `dns (DNS failed), tls (TLS failed), ...`."""
    return ", ".join(f"{failure.value} ({failure_name(failure)})" for failure in FailureClass)


@unique
class OutcomeGroup(StrEnum):
    """The groups of outcomes that a chart distinguishes, in the order in which a bar stacks them."""

    DELIVERED = "delivered"
    THROTTLED = "throttled"
    CLIENT_ERROR = "client-error"
    SERVER_ERROR = "server-error"
    NO_RESPONSE = "no-response"
    INTERNAL_ERROR = "internal-error"


def outcome_group(outcome: str) -> OutcomeGroup:
    """Return the group of `success` or of a failure class. Raises ValueError for anything else."""
    return OutcomeGroup.DELIVERED if outcome == SUCCESS else _group_of(FailureClass(outcome))


def _group_of(failure: FailureClass) -> OutcomeGroup:
    match failure:
        case FailureClass.THROTTLED:
            return OutcomeGroup.THROTTLED
        case (
            FailureClass.REDIRECT
            | FailureClass.GONE
            | FailureClass.CLIENT_TIMEOUT
            | FailureClass.CLIENT_ERROR
        ):
            return OutcomeGroup.CLIENT_ERROR
        case FailureClass.SERVER_ERROR:
            return OutcomeGroup.SERVER_ERROR
        case (
            FailureClass.CONNECT
            | FailureClass.DNS
            | FailureClass.TLS
            | FailureClass.TIMEOUT
            | FailureClass.PROTOCOL
            | FailureClass.BLOCKED
            | FailureClass.LOST
        ):
            return OutcomeGroup.NO_RESPONSE
        case FailureClass.INTERNAL_ERROR | FailureClass.LOCAL_SHORTAGE:
            return OutcomeGroup.INTERNAL_ERROR
        case _:
            assert_never(failure)


def group_name(group: OutcomeGroup) -> str:
    """Return the name of a group; a group of one class has the name of that class."""
    match group:
        case OutcomeGroup.DELIVERED:
            return outcome_name(SUCCESS)
        case OutcomeGroup.THROTTLED:
            return failure_name(FailureClass.THROTTLED)
        case OutcomeGroup.CLIENT_ERROR:
            return "redirect or client error (3xx/4xx)"
        case OutcomeGroup.SERVER_ERROR:
            return failure_name(FailureClass.SERVER_ERROR)
        case OutcomeGroup.NO_RESPONSE:
            return "no response"
        case OutcomeGroup.INTERNAL_ERROR:
            return failure_name(FailureClass.INTERNAL_ERROR)
        case _:
            assert_never(group)
