"""The list of deliveries: filters in the URL, pages by cursor, and a live list whose rows never move."""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from litestar import get
from litestar.response import Template

from core.domain.errors import FieldProblem, InvalidInput
from core.domain.states import FailureClass
from core.engine.filters import PARAMETERS, DeliveryFilter
from core.engine.insights.models import BoundedCount, DeliveryRow, Page
from web.pages.first_webhook import first_webhook
from web.pages.reply import PageRequest, page, runtime_of, wants_fragment
from web.security import requires

PAGE_SIZE: Final = 50
TABS: Final = (
    ("", "All"),
    ("pending,in_flight", "Waiting"),
    ("retrying", "Retrying"),
    ("held", "Held"),
    ("failed", "Failed"),
    ("delivered", "Delivered"),
    ("cancelled", "Cancelled"),
)
"""The statuses that people ask for, each a link."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rows that a browser shows, as its live fragment repeats them."""

    ids: tuple[str, ...]
    up_to: str | None
    """The newest delivery of all when they were drawn."""
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A list as its URL asks for it: the filter as it was typed and as it was read, or what is wrong with it."""

    values: dict[str, str]
    wanted: DeliveryFilter | None
    cursor: str | None
    drawn: Drawn | None = None
    problems: tuple[FieldProblem, ...] = ()

    @classmethod
    def of(cls, request: PageRequest) -> "Asked":
        """Read the URL. What is wrong with the filter is part of the answer, not an exception."""
        sent = request.query_params
        values = {name: sent.get(name, "").strip() for name in PARAMETERS}
        asked = cls(values, wanted=None, cursor=sent.get("cursor") or None)
        ids = tuple(sent.get("drawn", "").split()[:PAGE_SIZE])
        if wants_fragment(request) and ids:
            asked = replace(asked, drawn=Drawn(ids, sent.get("up_to") or None, sent.get("next") or None))
        try:
            given = {name: value for name, value in values.items() if value}
            return replace(asked, wanted=DeliveryFilter.parse(given))
        except InvalidInput as invalid:
            return replace(asked, problems=invalid.problems)

    def url(self, **changed: str | None) -> str:
        """Return the URL of this list with some parameters changed, from its first page on."""
        values = {name: value for name, value in (self.values | changed).items() if value}
        return f"/deliveries?{urlencode(values)}" if values else "/deliveries"


@dataclass(frozen=True, slots=True)
class Found:
    """What a list shows."""

    page: Page[DeliveryRow]
    newer: BoundedCount | None = None
    """How many match that arrived after the list was drawn."""


_NOTHING: Final = Found(Page((), None))


@get("/deliveries", guards=[requires("read")], include_in_schema=False)
async def deliveries(request: PageRequest) -> Template:
    """List deliveries; a filter that does not parse is said beside the fields, and lists nothing."""
    insights = runtime_of(request).insights
    asked = Asked.of(request)
    try:
        found = await _found(request, asked)
    except InvalidInput as invalid:  # an expired cursor
        asked, found = replace(asked, problems=invalid.problems), _NOTHING
    return page(
        request,
        "deliveries/list.html",
        live=("deliveries", "circuits", "endpoints"),
        asked=asked,
        endpoints=await insights.endpoint_options(),
        event_types=await insights.event_types(),
        failure_classes=tuple(FailureClass),
        first_webhook=first_webhook(request),
        found=found,
        refresh_url=_refresh_url(asked, found.page),
        tabs=TABS,
    )


async def _found(request: PageRequest, asked: Asked) -> Found:
    insights = runtime_of(request).insights
    if asked.wanted is None:
        return _NOTHING
    if asked.drawn is None:
        return Found(await insights.deliveries(asked.wanted, cursor=asked.cursor, limit=PAGE_SIZE))
    # What was drawn stays, also what no longer matches: nothing moves under the cursor.
    drawn = asked.drawn
    kept = Page(await insights.rows(drawn.ids), drawn.next_cursor, up_to=drawn.up_to)
    newer = await insights.rows_since(asked.wanted, drawn.up_to) if drawn.up_to and not asked.cursor else None
    return Found(kept, newer)


def _refresh_url(asked: Asked, shown: Page[DeliveryRow]) -> str:
    ids = " ".join(row.id for row in shown.items)
    return asked.url(cursor=asked.cursor, drawn=ids, next=shown.next_cursor, up_to=shown.up_to)


HANDLERS: Final = [deliveries]
