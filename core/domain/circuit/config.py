"""When a circuit opens, how long it stays open, and what closes it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from breakwater.core.domain.bounds import Number, WholeNumber
from breakwater.core.domain.errors import FieldProblem, InvalidInput

DAY: Final = 86_400.0
_COUNT: Final = WholeNumber(1, 10_000)
CIRCUIT_BOUNDS: Final[Mapping[str, WholeNumber | Number]] = {
    "failure_threshold": _COUNT,
    "success_threshold": _COUNT,
    "timeout_seconds": Number(0, 7 * DAY),
    "half_open_max_calls": _COUNT,
    "failure_rate_threshold": Number(0, 1, above=True),
    "minimum_calls": _COUNT,
    "window_seconds": Number(1, DAY),
    "timeout_multiplier": Number(1, 10),
    "max_timeout_seconds": Number(0, 7 * DAY),
    "timeout_jitter": Number(0, 0.5),
}
CIRCUIT_OPTIONAL: Final = frozenset({"failure_rate_threshold", "max_timeout_seconds"})
"""Fields that may be None."""
_MAX_EXPONENT: Final = 64
"""Above it every cooldown is at its cap; prevents an overflow."""


@dataclass(frozen=True, slots=True)
class CircuitBreakerConfig:
    """Configuration of a circuit breaker.

    The first four fields alone are the classic breaker: consecutive failures open it for a fixed time.

    Raises:
        InvalidInput: naming each field that is out of its bounds, or that contradicts another.

    """

    failure_threshold: int = 5
    """Consecutive failures that open the circuit."""
    success_threshold: int = 2
    """Successes that close a half-open circuit."""
    timeout_seconds: float = 60.0
    """Seconds that the circuit stays open before a probe."""
    half_open_max_calls: int = 3
    """Concurrent probes while half-open."""
    failure_rate_threshold: float | None = None
    """Failure rate that opens the circuit: 0.5 for half of the calls. None: only consecutive failures do."""
    minimum_calls: int = 20
    """Calls within the window below which the failure rate is ignored."""
    window_seconds: float = 60.0
    """Seconds over which the failure rate is measured."""
    timeout_multiplier: float = 1.0
    """Backoff factor: each reopening multiplies the cooldown by it, until the circuit closes."""
    max_timeout_seconds: float | None = None
    """Maximum cooldown in seconds; None: a day, or `timeout_seconds` when that is longer."""
    timeout_jitter: float = 0.0
    """Jitter of a cooldown as a share of it, so that many circuits do not probe in the same second."""

    def __post_init__(self) -> None:
        if problems := self._problems():
            raise InvalidInput(problems)

    def _problems(self) -> list[FieldProblem]:
        problems = [
            problem
            for name, bounds in CIRCUIT_BOUNDS.items()
            if not (name in CIRCUIT_OPTIONAL and getattr(self, name) is None)
            for problem in bounds.problems(name, getattr(self, name))
        ]
        cap = self.max_timeout_seconds
        if cap is not None and not problems and cap < self.timeout_seconds:
            lowest = f"{self.timeout_seconds:g}"
            problem = f"is below timeout_seconds; make it at least {lowest}, or lower that"
            return [FieldProblem("max_timeout_seconds", problem)]
        return problems

    def cooldown(self, reopenings: int, draw: float = 0.5) -> float:
        """Return the seconds to stay open after `reopenings` reopenings; never more than the cap.

        `draw` from 0 up to 1 selects the jitter; one half means none, and 1 the maximum.
        """
        grown = self.timeout_seconds * self.timeout_multiplier ** min(reopenings, _MAX_EXPONENT)
        # The cap leaves room for the jitter, so that capped circuits do not all probe in the same second.
        middle = min(grown, self._cap() / (1.0 + self.timeout_jitter))
        return middle * (1.0 + self.timeout_jitter * (2.0 * draw - 1.0))

    def _cap(self) -> float:
        return (
            max(DAY, self.timeout_seconds) if self.max_timeout_seconds is None else self.max_timeout_seconds
        )


SERVICE_CIRCUIT: Final = CircuitBreakerConfig(
    failure_rate_threshold=0.5, timeout_multiplier=2.0, max_timeout_seconds=3600.0, timeout_jitter=0.1
)
"""Default of an endpoint: five consecutive failures, or half of at least twenty calls in a minute."""
