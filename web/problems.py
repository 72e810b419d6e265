"""Errors as `application/problem+json` (RFC 9457)."""

from collections.abc import Iterable
from http import HTTPStatus
from math import ceil
from typing import Final

import msgspec
import structlog
from litestar.exceptions import HTTPException

from breakwater.core.domain.errors import (
    BreakwaterError,
    Conflict,
    FieldProblem,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    LimitReached,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    StoreUnavailable,
    TargetRefused,
    TooManyAttempts,
    TooManyEndpoints,
    TooManyStreams,
    Unauthorized,
)

log = structlog.get_logger("breakwater.web")

MEDIA_TYPE: Final = "application/problem+json"
_NAMESPACE: Final = "urn:breakwater:problem:"


class BadRequest(InvalidInput):
    """A request that cannot be read, or a parameter that is not valid: 400."""


class UnsupportedEncoding(InvalidInput):
    """A request body with a content coding that is not supported: 415."""


class FieldError(msgspec.Struct, frozen=True):
    """One invalid field, and the remedy."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True):
    """Why a request was refused or failed."""

    type: str
    """The kind of problem, for programs. It does not change when the text does."""
    title: str
    status: int
    detail: str
    problems: tuple[FieldError, ...] = ()
    """Every invalid field, by its name in the request."""


Headers = dict[str, str]


def problem_of(error: Exception) -> tuple[Problem, Headers]:
    """Return the problem for `error` and the headers of the response. An unexpected error is logged and becomes 500."""
    match error:
        case BreakwaterError():
            return _of_breakwater(error)
        case HTTPException(status_code=status) if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _of_http(error)
        case _:
            log.error("request.failed", exc_info=error)
            detail = "Internal error; see the service log."
            return _problem("unexpected", HTTPStatus.INTERNAL_SERVER_ERROR, detail), {}


def encoded(problem: Problem) -> bytes:
    """Return the problem as the body of a response."""
    return msgspec.json.encode(problem)


def host_problem(detail: str) -> Problem:
    """Return the problem for a host that is not allowed."""
    return _problem("host", HTTPStatus.BAD_REQUEST, detail)


def too_many_parameters(limit: int) -> Problem:
    """Return the problem for a query string with more than `limit` parameters."""
    return _problem("bad-request", HTTPStatus.BAD_REQUEST, f"The URL has more than {limit} parameters.")


def _problem(kind: str, status: int, detail: str, problems: Iterable[FieldProblem] = ()) -> Problem:
    errors = tuple(FieldError(problem.field, problem.message) for problem in problems)
    return Problem(f"{_NAMESPACE}{kind}", HTTPStatus(status).phrase, int(status), detail, errors)


def _of_breakwater(error: BreakwaterError) -> tuple[Problem, Headers]:  # noqa: PLR0911 - one branch per error class
    match error:
        case UnsupportedEncoding():
            return _of_input(error), {"Accept-Encoding": "identity"}
        case InvalidInput():
            return _of_input(error), {}
        case NotFound():
            return _problem("not-found", HTTPStatus.NOT_FOUND, str(error)), {}
        case Conflict():
            return _problem("conflict", HTTPStatus.CONFLICT, str(error)), {}
        case Unauthorized():
            challenge = {"WWW-Authenticate": "Bearer"}
            return _problem("unauthorized", HTTPStatus.UNAUTHORIZED, str(error)), challenge
        case Forbidden():
            return _problem("forbidden", HTTPStatus.FORBIDDEN, str(error)), {}
        case LimitReached():
            retry = {"Retry-After": _seconds(error.retry_after)}
            return _problem(_LIMITS[type(error)], HTTPStatus.TOO_MANY_REQUESTS, str(error)), retry
        case StoreUnavailable():
            retry = {"Retry-After": _seconds(error.retry_after)}
            return _problem("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, str(error)), retry
        case _:
            return _problem("refused", HTTPStatus.BAD_REQUEST, str(error)), {}


def _of_input(error: InvalidInput) -> Problem:
    kind, status = _INPUT.get(type(error), _INPUT[InvalidInput])
    return _problem(kind, status, str(error), error.problems)


_INPUT: Final[dict[type, tuple[str, HTTPStatus]]] = {
    BadRequest: ("bad-request", HTTPStatus.BAD_REQUEST),
    UnsupportedEncoding: ("unsupported-encoding", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    PayloadTooLarge: ("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    IdempotencyMismatch: ("idempotency-mismatch", HTTPStatus.UNPROCESSABLE_ENTITY),
    TargetRefused: ("target-refused", HTTPStatus.UNPROCESSABLE_ENTITY),
    InvalidInput: ("invalid-input", HTTPStatus.UNPROCESSABLE_ENTITY),
}

_LIMITS: Final[dict[type, str]] = {
    RateLimited: "rate-limited",
    TooManyAttempts: "too-many-attempts",
    TooManyEndpoints: "too-many-endpoints",
    TooManyStreams: "too-many-streams",
}

_HTTP: Final[dict[int, tuple[str, str]]] = {
    HTTPStatus.NOT_FOUND: ("not-found", "There is no resource at this URL."),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "method-not-allowed",
        "This URL does not support the method; the header Allow lists those it supports.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "too-large",
        "The request body is larger than this URL accepts.",
    ),
}


def _of_http(error: HTTPException) -> tuple[Problem, Headers]:
    """Return the problem for an error of the framework. The framework's own text can repeat the input."""
    kind, detail = _HTTP.get(error.status_code, ("bad-request", "The request cannot be read."))
    allow = (error.headers or {}).get("allow")
    return _problem(kind, error.status_code, detail), {"Allow": allow} if allow else {}


def _seconds(seconds: float) -> str:
    return str(max(1, ceil(seconds)))
