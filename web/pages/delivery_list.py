"""The list of deliveries: filters in the URL, pages by cursor, and a live list whose rows never move."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from litestar import get
from litestar.response import Redirect, Response

from breakwater.core.domain.errors import FieldProblem, InvalidInput
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.deliveries.causes_model import FailureGroups
from breakwater.core.queries.deliveries.histogram_model import Histogram, ListOverTime
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.endpoints.model import EndpointOption
from breakwater.core.queries.paging.filters import PARAMETERS, DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount, Page
from breakwater.web.pages.first_webhook import first_webhook
from breakwater.web.pages.reply import PageRequest, render_page, runtime_of, wants_fragment
from breakwater.web.pages.zones import in_reader_zone
from breakwater.web.security.guards import principal_of, requires

PAGE_SIZE: Final = 50
_MOMENTS: Final = ("since", "until")
MOST_CHOICES: Final = 200
"""Endpoints that a filter offers to choose from; any other is found by name on the page of endpoints."""
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
class RenderedRows:
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
    cursor: str | None = None
    drawn: RenderedRows | None = None
    problems: tuple[FieldProblem, ...] = ()
    path: str = "/deliveries"
    """Of the page that shows it."""

    @classmethod
    def of(cls, request: PageRequest) -> "Asked":
        """Read the URL. What is wrong with the filter is part of the answer, not an exception."""
        sent = request.query_params
        asked = replace(cls.read(sent, request.url.path), cursor=sent.get("cursor") or None)
        ids = tuple(sent.get("drawn", "").split()[:PAGE_SIZE])
        if wants_fragment(request) and ids:
            return replace(
                asked, drawn=RenderedRows(ids, sent.get("up_to") or None, sent.get("next") or None)
            )
        return asked

    @classmethod
    def read(cls, sent: Mapping[str, str], path: str) -> "Asked":
        """Read the filter of a query string or a form; `path` is the page that shows it."""
        values = {name: sent.get(name, "").strip() for name in PARAMETERS}
        values |= {name: in_reader_zone(values[name]) for name in _MOMENTS}
        try:
            wanted = DeliveryFilter.parse({name: value for name, value in values.items() if value})
        except InvalidInput as invalid:
            return cls(values, None, problems=invalid.problems, path=path)
        return cls(values, wanted, path=path)

    def with_its_zone(self, request: PageRequest) -> Redirect | None:
        """Return the way to the same list under a URL that says its times with their zone; None where it does.

        Somebody in another zone, who is given the URL of a page, must not look at another hour.
        """
        sent = request.query_params
        said = {
            name: self.values[name] for name in _MOMENTS if sent.get(name, "").strip() != self.values[name]
        }
        if not said or wants_fragment(request):
            return None
        return Redirect(f"{self.path}?{urlencode({**sent, **said})}", status_code=303)

    def url(self, path: str | None = None, **changed: str | None) -> str:
        """Return the URL of this page, or of another one about the same filter, with some parameters changed."""
        values = {name: value for name, value in (self.values | changed).items() if value}
        return f"{path or self.path}?{urlencode(values)}" if values else path or self.path


@dataclass(frozen=True, slots=True)
class Found:
    """What a list shows."""

    page: Page[DeliveryRow]
    newer: BoundedCount | None = None
    """How many match that arrived after the list was drawn."""
    matching: BoundedCount | None = None
    """How many match in all; counted where the list is drawn, not where it is kept up to date."""
    groups: FailureGroups | None = None
    """What failed by its cause, where failures are asked for."""
    histogram: Histogram | None = None
    """The same deliveries over time; None beside an empty list."""


_NOTHING: Final = Found(Page((), None))


@get("/deliveries", guards=[requires("read")], include_in_schema=False)
async def deliveries(request: PageRequest) -> Response[Any]:
    """List deliveries; a filter that does not parse is said beside the fields, and lists nothing."""
    asked = Asked.of(request)
    if (meant := asked.with_its_zone(request)) is not None:
        return meant
    try:
        found = await _found(request, asked)
    except InvalidInput as invalid:  # an expired cursor
        asked, found = replace(asked, problems=invalid.problems), _NOTHING
    return render_page(
        request,
        "deliveries/list.html",
        live=("deliveries", "circuits", "endpoints"),
        asked=asked,
        found=found,
        first_webhook=first_webhook(request),
        refresh_url=_refresh_url(asked, found.page),
        **await choices(request, asked, found.page.items),
        **await _views(request),
    )


async def choices(request: PageRequest, asked: Asked, rows: Sequence[DeliveryRow] = ()) -> dict[str, Any]:
    """Return what the fields of a filter offer to choose from, and the name of the endpoint that is chosen.

    The live part has no fields, and is asked for every second: it is told the name alone, by one of its `rows` if it
    can be.
    """
    queries = runtime_of(request).queries
    chosen = asked.wanted.endpoint_id if asked.wanted else None
    names = {row.endpoint_id: row.endpoint_name for row in rows}
    if wants_fragment(request):
        options = await queries.endpoints.options("", 1, chosen) if chosen and chosen not in names else ()
        return {"chosen": _name_of(chosen, options, names)}
    options = await queries.endpoints.options("", MOST_CHOICES, chosen)
    return {
        "chosen": _name_of(chosen, options, names),
        "endpoints": options,
        "more_endpoints": MOST_CHOICES,
        "event_types": await queries.deliveries.event_types(),
        "failure_classes": tuple(FailureClass),
        "tabs": TABS,
    }


def _name_of(chosen: str | None, options: Sequence[EndpointOption], names: Mapping[str, str]) -> str | None:
    return names.get(chosen or "") or next((each.name for each in options if each.id == chosen), None)


async def _views(request: PageRequest) -> dict[str, Any]:
    """Return the filters that the reader has kept; they, too, are no part of what is live."""
    if wants_fragment(request):
        return {}
    return {"saved_views": await runtime_of(request).saved_views.list(principal_of(request).id)}


async def _found(request: PageRequest, asked: Asked) -> Found:
    if asked.wanted is None:
        return _NOTHING
    if asked.drawn is not None:
        return await _kept(request, asked.wanted, asked.drawn, asked.cursor)
    # At the same time: they look along different indexes, each in a thread of its own.
    listed, groups = await asyncio.gather(
        _listed(request, asked.wanted, asked.cursor), _causes(request, asked)
    )
    strip = listed.histogram if listed.page.items else None
    return Found(listed.page, None, listed.matching, groups, strip)


async def _kept(
    request: PageRequest, wanted: DeliveryFilter, drawn: RenderedRows, cursor: str | None
) -> Found:
    """Return what was drawn, also what no longer matches: nothing moves under the cursor."""
    queries = runtime_of(request).queries
    kept = Page(await queries.deliveries.by_ids(drawn.ids), drawn.next_cursor, up_to=drawn.up_to)
    newer = await queries.deliveries.count_newer(wanted, drawn.up_to) if drawn.up_to and not cursor else None
    return Found(kept, newer, histogram=await queries.deliveries.histogram(wanted) if kept.items else None)


async def _listed(request: PageRequest, wanted: DeliveryFilter, cursor: str | None) -> ListOverTime:
    queries = runtime_of(request).queries
    if cursor is None:
        return await queries.deliveries.list_over_time(wanted, limit=PAGE_SIZE)
    page, matching, histogram = await asyncio.gather(
        queries.deliveries.list(wanted, cursor=cursor, limit=PAGE_SIZE),
        queries.deliveries.count(wanted),
        queries.deliveries.histogram(wanted),
    )
    return ListOverTime(page, matching, histogram)


async def _causes(request: PageRequest, asked: Asked) -> FailureGroups | None:
    """Return what failed by its cause, for a whole page that asks for failures: the live part shows none."""
    if asked.wanted is None or wants_fragment(request) or not _asks_for_causes(asked):
        return None
    return await runtime_of(request).queries.deliveries.causes(asked.wanted)


def _asks_for_causes(asked: Asked) -> bool:
    """Return whether failures are asked for, and not yet those of one cause."""
    wanted = asked.wanted
    if wanted is None or asked.cursor or wanted.error:
        return False
    failing = wanted.retrying or wanted.held or DeliveryState.FAILED in wanted.states
    return failing or wanted.failure_class is not None


def _refresh_url(asked: Asked, shown: Page[DeliveryRow]) -> str:
    ids = " ".join(row.id for row in shown.items)
    return asked.url(cursor=asked.cursor, drawn=ids, next=shown.next_cursor, up_to=shown.up_to)


HANDLERS: Final = [deliveries]
