"""The exceptions of Breakwater, with their messages.

::

    BreakwaterError
    ├── InvalidInput               one or more fields are wrong: 422 (400 for filters and cursors)
    │   ├── TargetRefused          a URL or address that may not be requested
    │   ├── IdempotencyMismatch    a key that was used for another request
    │   └── PayloadTooLarge        413
    ├── NotFound                   404
    ├── Conflict                   the state of the object does not allow it: 409
    ├── Unauthorized               no valid credential: 401
    ├── Forbidden                  a valid credential without the right to do it: 403
    ├── LimitReached               the caller did or has too much; the message names the limit: 429 with Retry-After
    │   ├── RateLimited            requests of one caller
    │   ├── TooManyAttempts        sign-in attempts
    │   ├── TooManyEndpoints       endpoints that messages to a URL create
    │   └── TooManyStreams         open event streams
    ├── StoreUnavailable           the database cannot be written now: 503 with Retry-After
    └── StartRefused               the service will not start: one sentence, exit code 2

Every message names the problem and the remedy, and contains no secret.
"""
# ruff: noqa: N818 -- read as "raise NotFound", "except Conflict"; the base class has the suffix Error

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Self


class BreakwaterError(Exception):
    """Base of all expected errors. Its `str()` can be shown to people."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A problem with one field, and its remedy."""

    field: str
    """The name of the field in the request, with dots for nested ones: `retry.delays.2`."""
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class InvalidInput(BreakwaterError):
    """Invalid input, with every problem, so that the caller can fix all of them in one round."""

    def __init__(self, problems: Iterable[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    @classmethod
    def of(cls, field: str, message: str) -> Self:
        """Return the error for one field. `message` has the problem and the remedy."""
        return cls((FieldProblem(field, message),))

    def under(self, prefix: str) -> Self:
        """Return the same error with each field named below `prefix`: `delays` becomes `retry.delays`."""
        return type(self)(
            FieldProblem(f"{prefix}.{problem.field}", problem.message) for problem in self.problems
        )

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


class TargetRefused(InvalidInput):
    """A URL that may not be requested."""

    @property
    def reason(self) -> str:
        """The reason and the remedy, without the name of the field."""
        return self.problems[0].message


class IdempotencyMismatch(InvalidInput):
    """The idempotency key was used for a different request."""


class PayloadTooLarge(InvalidInput):
    """The payload is over the limit."""


class NotFound(BreakwaterError):
    """An object does not exist: `kind` is its name in the glossary (`delivery`), `id` is from the request."""

    def __init__(self, kind: str, id: str) -> None:  # noqa: A002 -- the field's own word, and nothing here needs the builtin
        self.kind = kind
        self.id = id
        super().__init__(kind, id)

    def __str__(self) -> str:
        return f"There is no {self.kind} {self.id}."


class Conflict(BreakwaterError):
    """The state of the object does not allow the request; the message names the state."""


class Unauthorized(BreakwaterError):
    """No credential, or not a valid one."""


class Forbidden(BreakwaterError):
    """The credential is valid, but its role or scope is not sufficient."""


class LimitReached(BreakwaterError):
    """The caller did or has more of something than the limit allows. The message names the limit."""

    def __init__(self, message: str, retry_after: float) -> None:
        self.retry_after = retry_after
        """Seconds until a retry can succeed."""
        super().__init__(message)


class RateLimited(LimitReached):
    """Too many requests of one caller."""


class TooManyAttempts(LimitReached):
    """Too many sign-in attempts."""

    def __init__(self, retry_after: float) -> None:
        message = f"Too many sign-in attempts. Try again in {ceil(retry_after)} seconds."
        super().__init__(message, retry_after)


class TooManyEndpoints(LimitReached):
    """Too many endpoints that messages to a URL created, of the sender or in total."""


class TooManyStreams(LimitReached):
    """Too many open event streams, of the caller or in total."""


class StoreUnavailable(BreakwaterError):
    """The database cannot be written at the moment. Nothing of the request was stored."""

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        """Seconds until a retry can succeed."""
        super().__init__(message)


class StartRefused(BreakwaterError):
    """The service does not start; the message has the reason and the remedy."""
