"""The deliveries of a list over time: the strip above it."""

from dataclasses import dataclass

from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.paging.model import BoundedCount, Page, SearchBounds


@dataclass(frozen=True, slots=True)
class HistogramBar:
    """The deliveries that were accepted within one step of time."""

    begin: float
    """Included."""
    end: float
    """Excluded."""
    by_state: dict[DeliveryState, int]
    """Only the states that occur."""
    held: int = 0
    """How many of those that are pending wait for their lane."""

    @property
    def total(self) -> int:
        """Return how many deliveries the bar stands for."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True)
class Histogram:
    """Deliveries over time by outcome, for the filter of a list."""

    bars: tuple[HistogramBar, ...]
    """Oldest first, without gaps. The first and the last are shorter where the time asked for cuts them."""
    step: float
    """Seconds that a whole bar stands for."""
    has_since: bool
    """Whether the filter says since when; if not, it is the last day up to where the filter ends."""
    search_bounds: SearchBounds | None
    """Set when older deliveries match too, or may, and are not counted."""
    read_at: float | None = None
    """The present when it was read: a time of another day is shown with its date."""

    @property
    def by_state(self) -> dict[DeliveryState, int]:
        """Return all bars together."""
        found = ((state, sum(bar.by_state.get(state, 0) for bar in self.bars)) for state in DeliveryState)
        return {state: count for state, count in found if count}

    @property
    def held(self) -> int:
        """Return how many of those that are pending wait for their lane."""
        return sum(bar.held for bar in self.bars)

    @property
    def total(self) -> int:
        """Return how many deliveries were counted."""
        return sum(bar.total for bar in self.bars)


@dataclass(frozen=True, slots=True)
class ListOverTime:
    """The first page of a list, how many match in all, and the strip above it."""

    page: Page[DeliveryRow]
    matching: BoundedCount
    histogram: Histogram
