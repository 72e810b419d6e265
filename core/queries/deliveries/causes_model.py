"""Failed deliveries by what they met, whatever their endpoint."""

from dataclasses import dataclass

from breakwater.core.domain.states import FailureClass
from breakwater.core.queries.paging.model import BoundedCount, SearchBounds


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Deliveries whose latest attempt met the same failure, whatever their endpoint."""

    failure_class: FailureClass
    error: str
    """What they have in common: `…` stands for what differs from one to the next."""
    count: BoundedCount
    first_seen: float
    """When the oldest of them was accepted."""
    last_seen: float
    """When the newest of them was accepted, or the last of them failed for good."""
    endpoints: tuple[tuple[str, str], ...]
    """Id and name, most affected first; at most five."""
    endpoint_count: int
    query: str
    """The query string of the list of just these deliveries."""


@dataclass(frozen=True, slots=True)
class FailureGroups:
    """The groups, largest first, and how far back they were looked for."""

    items: tuple[FailureGroup, ...]
    search_bounds: SearchBounds | None
