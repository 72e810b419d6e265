"""The states of a circuit, its hold, and its transitions."""

import math
from dataclasses import dataclass
from enum import StrEnum, unique

from breakwater.core.domain.errors import InvalidInput


@unique
class CircuitState(StrEnum):
    """Whether deliveries to an endpoint are sent."""

    CLOSED = "closed"
    """Calls pass; failures are counted."""
    OPEN = "open"
    """No calls until the cooldown ends or, when held, until the hold ends or is released."""
    HALF_OPEN = "half_open"
    """A few calls pass as probes: enough successes close the circuit, one failure opens it again."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A person keeps the circuit open.

    Raises:
        InvalidInput: when it would end before it began.

    """

    reason: str
    since: float
    until: float | None
    """When it expires; None: only a person ends it."""
    by: str
    """The actor: `person:ada`, `key:ci`."""

    def __post_init__(self) -> None:
        if self.until is not None and not self.since < self.until < math.inf:
            raise InvalidInput.of(
                "until", "is not in the future; give a later time, or none to hold until released"
            )

    def is_over(self, now: float) -> bool:
        """Return whether it has expired."""
        return self.until is not None and now >= self.until


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of the circuit's state, or of its hold (then from open to open)."""

    at: float
    from_state: CircuitState
    to_state: CircuitState
    cause: str
    """In words: `5 consecutive failures`, `a probe failed: connection refused`."""
    failure_count: int
    """Both counts are those before the transition."""
    success_count: int
