"""The histogram of a list of deliveries."""

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
    """How many of the pending ones are held."""

    @property
    def total(self) -> int:
        """Return the number of deliveries of the bar."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True)
class Histogram:
    """Deliveries over time by outcome, for the filter of a list."""

    bars: tuple[HistogramBar, ...]
    """Oldest first, without gaps. The first and the last are shorter where the time range cuts them."""
    step: float
    """Seconds per whole bar."""
    has_since: bool
    """Whether the filter has a start; otherwise the histogram covers the 24 hours before its end."""
    search_bounds: SearchBounds | None
    """Set when older deliveries match, or may match, and are not counted."""
    read_at: float | None = None
    """When it was read: times of another day are shown with their date."""

    @property
    def by_state(self) -> dict[DeliveryState, int]:
        """Return the counts of all bars together."""
        totals = ((state, sum(bar.by_state.get(state, 0) for bar in self.bars)) for state in DeliveryState)
        return {state: count for state, count in totals if count}

    @property
    def held(self) -> int:
        """Return how many of the pending deliveries are held."""
        return sum(bar.held for bar in self.bars)

    @property
    def total(self) -> int:
        """Return how many deliveries were counted."""
        return sum(bar.total for bar in self.bars)


@dataclass(frozen=True, slots=True)
class ListOverTime:
    """The first page of a list, the number of all matches, and the histogram."""

    page: Page[DeliveryRow]
    matching: BoundedCount
    histogram: Histogram
