"""A bulk resend: its plan, its state and its progress."""

from dataclasses import dataclass
from enum import StrEnum, unique

from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount, SearchBounds


@unique
class ReplayState(StrEnum):
    """The state of a replay."""

    RUNNING = "running"
    PAUSED = "paused"
    """A person stopped it and can resume it."""
    CANCELLED = "cancelled"
    """A person cancelled it: deliveries that were resent stay resent."""
    FINISHED = "finished"
    """Every delivery that it covers was resent or skipped."""


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
    deleted_endpoints: tuple[tuple[str, str, int], ...]
    """The same of deleted endpoints: nothing can be sent to them, so a replay leaves them out."""
    states: dict[DeliveryState, int]
    """The covered deliveries by state. Receivers may get the delivered ones twice."""
    sample: tuple[DeliveryRow, ...]
    """The first deliveries that would be resent; with `bounds`, the first of the scanned ones."""
    bounds: SearchBounds | None = None
    """How far a bounded dry run searched: older deliveries may match, and would be resent too."""


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A replay with its progress."""

    id: str
    filter: DeliveryFilter
    words: str
    up_to: str
    frozen_at: float
    pace: float
    """Deliveries per second."""
    reason: str | None
    state: ReplayState
    created_by: str
    created_at: float
    finished_at: float | None
    total: BoundedCount
    resent: int
    skipped: int
    outcomes: dict[DeliveryState, int]
    """The resent deliveries by state at `outcomes_at`; empty in lists."""
    outcomes_at: float | None
    """When they were counted: now, or a few seconds ago for a large replay; None in lists."""

    @property
    def share_done(self) -> float:
        """Return the progress, 0 to 1."""
        if self.state is ReplayState.FINISHED:
            return 1.0
        return min(1.0, (self.resent + self.skipped) / self.total.value) if self.total.value else 0.0
