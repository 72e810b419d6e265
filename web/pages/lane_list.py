"""Lists with a row for each endpoint: found by name, paged, worst first. The circuit board is one of them."""

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
class AskedLanes:
    """A list as its URL asks for it."""

    path: str
    q: str
    """What name or URL contain; empty for all."""
    cursor: str | None
    problems: tuple[FieldProblem, ...] = ()

    def url(self, cursor: str | None = None) -> str:
        """Return the URL of the first page, or of the one at `cursor`, about the same endpoints."""
        values = {name: value for name, value in (("q", self.q), ("cursor", cursor)) if value}
        return f"{self.path}?{urlencode(values)}" if values else self.path


async def asked_lanes(
    request: PageRequest, read: Callable[[str | None, int, str], Awaitable[EndpointPage[T]]]
) -> tuple[AskedLanes, EndpointPage[T]]:
    """Return what is asked for and that page of `read`; what cannot be read is said, and lists nothing."""
    sent = request.query_params
    q, cursor = sent.get("q", "").strip(), sent.get("cursor") or None
    try:
        page = await read(cursor, PAGE_SIZE, q)
    except InvalidInput as invalid:
        nothing: EndpointPage[T] = EndpointPage((), None, dict.fromkeys(CircuitState, 0))
        return AskedLanes(request.url.path, q, cursor, invalid.problems), nothing
    return AskedLanes(request.url.path, q, cursor), page
