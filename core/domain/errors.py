"""What can go wrong, as exceptions that know how to say it.

::

    BreakwaterError
    ├── InvalidInput               one or more fields are wrong: 422 (400 for filters and cursors)
    │   ├── TargetRefused          a URL or address that may not be called
    │   ├── IdempotencyMismatch    a key that was used for another request
    │   └── PayloadTooLarge        413
    ├── NotFound                   404
    ├── Conflict                   the thing is in a state that does not allow it: 409
    ├── Unauthorized               no valid credential: 401
    ├── Forbidden                  a valid credential without the right to do it: 403
    ├── StoreUnavailable           the database cannot be written now: 503 with Retry-After
    └── StartRefused               the service will not start: one sentence, exit code 2

Every message is a sentence for the person who has to act on it, and names no secret.
"""
# ruff: noqa: N818 -- these are read as "raise NotFound", "except Conflict"; the base class carries the word Error

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


class BreakwaterError(Exception):
    """Anything that Breakwater raises on purpose. `str()` of it is fit to show."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field, and the remedy."""

    field: str
    """The field's name as its sender wrote it, dotted where it is nested: `retry.delays.2`."""
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class InvalidInput(BreakwaterError):
    """Input that cannot be accepted. Carries every problem that was found, so that one round is enough."""

    def __init__(self, problems: Iterable[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    @classmethod
    def of(cls, field: str, message: str) -> Self:
        """Return the error for one field: `message` says what is wrong and the remedy."""
        return cls((FieldProblem(field, message),))

    def under(self, prefix: str) -> Self:
        """Return the same error with each field named below `prefix`: `delays` becomes `retry.delays`."""
        return type(self)(
            FieldProblem(f"{prefix}.{problem.field}", problem.message) for problem in self.problems
        )

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


class TargetRefused(InvalidInput):
    """A URL that may not be called."""

    @property
    def reason(self) -> str:
        """Why, and the remedy, without the field's name."""
        return self.problems[0].message


class IdempotencyMismatch(InvalidInput):
    """The idempotency key was used before, for another request."""


class PayloadTooLarge(InvalidInput):
    """The payload is over the limit."""


class NotFound(BreakwaterError):
    """There is no such thing: `kind` in the words of the product (`delivery`), `id` as it was asked for."""

    def __init__(self, kind: str, id: str) -> None:  # noqa: A002 -- the field's own word, and nothing here needs the builtin
        self.kind = kind
        self.id = id
        super().__init__(kind, id)

    def __str__(self) -> str:
        return f"There is no {self.kind} {self.id}."


class Conflict(BreakwaterError):
    """What was asked for does not fit the state of the thing; the one sentence says which state that is."""


class Unauthorized(BreakwaterError):
    """No credential, or not a valid one."""


class Forbidden(BreakwaterError):
    """The credential is valid, and its role or scope does not reach this far."""


class StoreUnavailable(BreakwaterError):
    """The database cannot be written at the moment. Nothing of the request was kept."""

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        """Seconds after which trying again makes sense."""
        super().__init__(message)


class StartRefused(BreakwaterError):
    """The service does not start; the one sentence says why and what to do."""
