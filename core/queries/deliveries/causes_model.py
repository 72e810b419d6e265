"""Failed deliveries, grouped by their failure across endpoints."""

from dataclasses import dataclass

from breakwater.core.domain.states import FailureClass
from breakwater.core.queries.paging.model import BoundedCount, SearchBounds


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Deliveries of all endpoints whose latest attempt had the same failure."""

    failure_class: FailureClass
    error: str
    """The common text of their errors; `…` stands for the parts that differ."""
    count: BoundedCount
    first_seen: float
    """When the oldest of them was accepted."""
    last_seen: float
    """When the newest of them was accepted, or the last of them failed for good."""
    endpoints: tuple[tuple[str, str], ...]
    """Id and name, most affected first; at most five."""
    endpoint_count: int
    query: str
    """The query string of the list of these deliveries."""


@dataclass(frozen=True, slots=True)
class FailureGroups:
    """The groups, largest first, and how far back the search went."""

    items: tuple[FailureGroup, ...]
    search_bounds: SearchBounds | None
