"""Retry schedules, their jitter, and Retry-After."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Self

from breakwater.core.domain.bounds import number, whole_number
from breakwater.core.domain.errors import FieldProblem, InvalidInput

MAX_DELAY: Final = 7 * 86_400.0
"""Seconds between two attempts at most."""
MAX_DELAYS: Final = 50
MAX_JITTER: Final = 0.5
MAX_RETRY_AFTER: Final = 3600.0
"""Seconds. A longer Retry-After is limited to it, so that a mistake does not stop a lane for a year."""

_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_HTTP_DATE: Final = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [\x20-\x7e]{5,40}")


def _delay_problems(delays: Iterable[object]) -> list[FieldProblem]:
    entries = tuple(delays)
    if len(entries) > MAX_DELAYS:
        return [FieldProblem("delays", f"has {len(entries)} entries; at most {MAX_DELAYS} are allowed")]
    return [
        problem
        for position, delay in enumerate(entries)
        for problem in number(f"delays.{position}", delay, 0, MAX_DELAY, above=True)
    ]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The delays between the attempts of a delivery. No delays mean one attempt.

    Raises:
        InvalidInput: naming each delay, or the jitter, that is out of its bounds.

    """

    delays: tuple[float, ...]
    """Seconds to wait after the first, the second, ... failed attempt."""
    jitter: float = 0.1
    """Jitter of each delay as a share of it, so that deliveries that failed together are not retried together."""

    def __post_init__(self) -> None:
        if problems := [*_delay_problems(self.delays), *number("jitter", self.jitter, 0, MAX_JITTER)]:
            raise InvalidInput(problems)

    @classmethod
    def of(cls, delays: object, jitter: object = 0.1) -> Self:
        """Return the policy for untyped input.

        Raises:
            InvalidInput: as the class does, and for a schedule that is not a list or is empty.

        """
        if not isinstance(delays, list | tuple) or not delays:
            raise InvalidInput.of("delays", "must be a list of seconds, such as [1, 2, 4], with at least one")
        if problems := [*_delay_problems(delays), *number("jitter", jitter, 0, MAX_JITTER)]:
            raise InvalidInput(problems)
        return cls(tuple(float(delay) for delay in delays), jitter)  # type: ignore[arg-type]  # checked just above

    @property
    def max_attempts(self) -> int:
        """The number of attempts of a delivery."""
        return len(self.delays) + 1

    def delay_after(self, spent: int, draw: float) -> float | None:
        """Return the seconds to wait after `spent` attempts, at least 1; None when no attempt is left.

        `draw`, from 0 up to 1, selects the delay within its jitter.
        """
        if spent > len(self.delays):
            return None
        return self.delays[max(spent, 1) - 1] * (1.0 + self.jitter * (2.0 * draw - 1.0))


SERVICE_SCHEDULE: Final = RetryPolicy((1.0, 2.0, 4.0, 30.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0))
"""Default of an endpoint: eleven attempts within about 28 hours."""


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """A schedule with exponential backoff, the setting of `WebhookAdapter`.

    Raises:
        InvalidInput: naming each field that is out of its bounds.

    """

    max_retries: int = 3
    """Attempts after the first."""
    initial_delay: float = 1.0
    """Seconds between the first and the second attempt."""
    multiplier: float = 2.0
    """Backoff factor: each delay is the previous one multiplied by it."""
    max_delay: float = 60.0
    """Maximum delay in seconds."""
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if problems := self._problems():
            raise InvalidInput(problems)

    def _problems(self) -> list[FieldProblem]:
        return [
            *whole_number("max_retries", self.max_retries, 0, MAX_DELAYS),
            *number("initial_delay", self.initial_delay, 0, MAX_DELAY, above=True),
            *number("multiplier", self.multiplier, 1, 100),
            *number("max_delay", self.max_delay, 0, MAX_DELAY, above=True),
            *number("jitter", self.jitter, 0, MAX_JITTER),
        ]

    def policy(self) -> RetryPolicy:
        """Return the schedule as a list of delays."""
        grown = (self.initial_delay * self.multiplier**step for step in range(self.max_retries))
        return RetryPolicy(tuple(min(delay, self.max_delay) for delay in grown), self.jitter)


def parse_retry_after(value: str | None, wall: float) -> float | None:
    """Return the seconds of a `Retry-After` header, at most `MAX_RETRY_AFTER`; None when it is not valid.

    `wall` is the current time of the system clock, in seconds since the epoch. A date in the past returns 0.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER)
    if not _HTTP_DATE.fullmatch(text):
        return None
    at = _timestamp(text)
    return None if at is None else min(max(at - wall, 0.0), MAX_RETRY_AFTER)


def _timestamp(http_date: str) -> float | None:
    try:
        date = parsedate_to_datetime(http_date)
        # Only the oldest of the three formats has no zone; all three are in GMT (RFC 9110, section 5.6.7).
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
