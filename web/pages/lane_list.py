"""Lists with one row per endpoint, searched by name and paged: the endpoints and the circuits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlencode

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import FieldProblem, InvalidInput
from breakwater.core.queries.paging.model import EndpointPage
from breakwater.web.pages.reply import PageRequest

PAGE_SIZE: Final = 50
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LaneListQuery:
    """The search and the cursor of a list."""

    path: str
    q: str
    """Text to find in a name or URL; empty for all."""
    cursor: str | None
    problems: tuple[FieldProblem, ...] = ()

    def url(self, cursor: str | None = None) -> str:
        """Return the URL of the first page, or of the page at `cursor`, for the same search."""
        values = {name: value for name, value in (("q", self.q), ("cursor", cursor)) if value}
        return f"{self.path}?{urlencode(values)}" if values else self.path


async def load_lane_list(
    request: PageRequest, read: Callable[[str | None, int, str], Awaitable[EndpointPage[T]]]
) -> tuple[LaneListQuery, EndpointPage[T]]:
    """Read the URL and return one page of `read`. For an invalid query the page is empty and the query has problems."""
    params = request.query_params
    q, cursor = params.get("q", "").strip(), params.get("cursor") or None
    try:
        page = await read(cursor, PAGE_SIZE, q)
    except InvalidInput as invalid:
        empty: EndpointPage[T] = EndpointPage((), None, dict.fromkeys(CircuitState, 0))
        return LaneListQuery(request.url.path, q, cursor, invalid.problems), empty
    return LaneListQuery(request.url.path, q, cursor), page
