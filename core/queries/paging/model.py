"""One page of a list, and counts and searches that stop at a bound and say so."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from breakwater.core.domain.circuit import CircuitState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BoundedCount:
    """A count that stops at its bound: `10,000+` when `more` is set."""

    value: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.value:,}{'+' if self.more else ''}"


@dataclass(frozen=True, slots=True)
class SearchBounds:
    """How far a page searched row by row; the next page continues there."""

    scanned: int
    """Rows that were checked one by one."""
    back_to: float
    """When the oldest of them was created."""
    sentence: str
    """The same in words, for the foot of the list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list that is paged by key. `next_cursor` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None
    search_bounds: SearchBounds | None = None
    """Set when the page may be short because the search stopped, not because there is no more."""
    up_to: str | None = None
    """The newest row of the whole list when the page was read: an action on all that match stops there."""


@dataclass(frozen=True, slots=True)
class EndpointPage(Generic[T]):
    """One page of a list with a row for each endpoint, open circuits first, and the counts of all its pages."""

    items: tuple[T, ...]
    next_cursor: str | None
    states: dict[CircuitState, int]
    """Endpoints that match, by the state of their circuit; every state is there."""

    @property
    def total(self) -> int:
        """Return how many endpoints match."""
        return sum(self.states.values())

    @property
    def open_circuits(self) -> int:
        """Return how many of them have a circuit that is not closed."""
        return self.total - self.states[CircuitState.CLOSED]
