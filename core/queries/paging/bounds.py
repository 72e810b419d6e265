"""Limits of pages, counts and searches."""

from typing import Final

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.ids import created_at
from breakwater.core.queries.paging.model import BoundedCount, SearchBounds
from breakwater.core.queries.paging.scan import ScanLimit
from breakwater.core.text.zones import format_time

MAX_PAGE_SIZE: Final = 200


def check_limit(limit: int) -> None:
    """Raise InvalidInput naming `limit` unless it is a valid page size."""
    if not 1 <= limit <= MAX_PAGE_SIZE:
        raise InvalidInput.of("limit", f"Invalid limit. Use a number from 1 to {MAX_PAGE_SIZE}.")


def bounded(number: int, bound: int, *, more: bool = False) -> BoundedCount:
    """Return a count that stopped at one above `bound`; `more` when it stopped earlier for another reason."""
    return BoundedCount(min(number, bound), more or number > bound)


def bounds_of(scan_limit: ScanLimit, now: float, noun: str) -> SearchBounds | None:
    """Return how far a search for `noun` (plural) got; None when it read everything."""
    if scan_limit.down_to is None:
        return None
    back_to = created_at(scan_limit.down_to)
    until = format_time(back_to, now)
    sentence = f"Searched {scan_limit.scanned:,} {noun}, back to {until}. Older ones may match too."
    return SearchBounds(scan_limit.scanned, back_to, sentence)
