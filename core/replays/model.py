"""A bulk resend, as it is asked for and as it is shown."""

from dataclasses import dataclass
from enum import StrEnum, unique

from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount, SearchBounds


@unique
class ReplayState(StrEnum):
    """How a replay stands."""

    RUNNING = "running"
    PAUSED = "paused"
    """A person stopped it and can resume it."""
    CANCELLED = "cancelled"
    """A person ended it: what was resent stays resent, the rest is untouched."""
    FINISHED = "finished"
    """Every delivery that it covers has been looked at."""


ACTIVE = frozenset({ReplayState.RUNNING, ReplayState.PAUSED})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay of this filter would do now: the dry run."""

    filter: DeliveryFilter
    words: str
    up_to: str
    """Pass it to `start`, with `frozen_at`: what arrives after the dry run is not touched."""
    frozen_at: float
    total: BoundedCount
    endpoints: tuple[tuple[str, str, int], ...]
    """Id, name and count, most first."""
    states: dict[DeliveryState, int]
    """How what it covers ended: what was delivered before, its receiver may see twice."""
    sample: tuple[DeliveryRow, ...]
    """The first deliveries that would be resent; with `bounds`, the first of the scanned ones."""
    bounds: SearchBounds | None = None
    """How far a dry run looked that could not look at all: older deliveries may match, and would be resent too."""


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A replay with its progress."""

    id: str
    filter: DeliveryFilter
    words: str
    up_to: str
    frozen_at: float
    pace: float
    """Deliveries a second."""
    reason: str | None
    state: ReplayState
    created_by: str
    created_at: float
    finished_at: float | None
    total: BoundedCount
    resent: int
    skipped: int
    outcomes: dict[DeliveryState, int]
    """How the resent deliveries stood at `outcomes_at`; empty in lists."""
    outcomes_at: float | None
    """When that was counted: now, or of many thousands a few seconds ago; None in lists."""

    @property
    def share_done(self) -> float:
        """How far it has come, 0 to 1."""
        if self.state is ReplayState.FINISHED:
            return 1.0
        return min(1.0, (self.resent + self.skipped) / self.total.value) if self.total.value else 0.0
