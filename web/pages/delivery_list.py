"""The list of deliveries: filters in the URL, pages by cursor, and live updates that never move a row."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from litestar import get
from litestar.response import Redirect, Response

from breakwater.core.domain.errors import FieldProblem, InvalidInput, NotFound
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.deliveries.causes_model import FailureGroups
from breakwater.core.queries.deliveries.histogram_model import Histogram, ListOverTime
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.endpoints.model import EndpointOption
from breakwater.core.queries.paging.filters import PARAMETERS, DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount, Page
from breakwater.core.text.statuses import DeliveryStatus
from breakwater.web.pages.first_webhook import first_webhook
from breakwater.web.pages.reply import PageRequest, render_page, runtime_of, wants_fragment
from breakwater.web.pages.zones import with_reader_offset
from breakwater.web.security.guards import principal_of, requires

PAGE_SIZE: Final = 50
_TIME_FIELDS: Final = ("since", "until")
MAX_ENDPOINT_OPTIONS: Final = 200
"""Endpoints that the filter offers. Any other endpoint is found by name on the Endpoints page."""
TABS: Final = (
    ("", "All"),
    ("pending,in_flight", "Waiting"),
    ("retrying", "Retrying"),
    ("held", "Held"),
    ("failed", "Failed"),
    ("delivered", "Delivered"),
    ("cancelled", "Cancelled"),
)
"""Statuses and their labels, each a link above the list."""

_FINAL: Final = frozenset({DeliveryStatus.FAILED, DeliveryStatus.CANCELLED, DeliveryStatus.DELIVERED})
"""The statuses of deliveries that can be resent in bulk."""

_PARAMETERS: Final = frozenset({*PARAMETERS, "cursor", "rendered", "up_to", "next", "frozen_at"})
"""All parameters of a list."""


@dataclass(frozen=True, slots=True)
class RenderedRows:
    """The rows that a browser shows, as the URL of its live fragment repeats them."""

    ids: tuple[str, ...]
    up_to: str | None
    """The newest delivery of all when the list was rendered."""
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The filter and the cursor of a list: the fields as typed, and the parsed filter or its problems."""

    values: dict[str, str]
    filters: DeliveryFilter | None
    """None when a field is not valid."""
    cursor: str | None = None
    rendered: RenderedRows | None = None
    problems: tuple[FieldProblem, ...] = ()
    path: str = "/deliveries"
    """The path of the page that shows the list."""
    unknown: tuple[str, ...] = ()
    """Parameters of the URL that no filter has."""

    @classmethod
    def from_request(cls, request: PageRequest) -> "ListQuery":
        """Read the URL. Problems of the filter are returned, not raised."""
        params = request.query_params
        unknown = tuple(sorted(set(params) - _PARAMETERS))
        query = cls.parse(params, request.url.path)
        query = replace(query, cursor=params.get("cursor") or None, unknown=unknown)
        ids = tuple(params.get("rendered", "").split()[:PAGE_SIZE])
        if wants_fragment(request) and ids:
            rendered = RenderedRows(ids, params.get("up_to") or None, params.get("next") or None)
            return replace(query, rendered=rendered)
        return query

    @classmethod
    def parse(cls, fields: Mapping[str, str], path: str) -> "ListQuery":
        """Read the filter of a query string or a form; `path` is the page that shows it."""
        values = {name: fields.get(name, "").strip() for name in PARAMETERS}
        values |= {name: with_reader_offset(values[name]) for name in _TIME_FIELDS}
        try:
            filters = DeliveryFilter.parse({name: value for name, value in values.items() if value})
        except InvalidInput as invalid:
            return cls(values, None, problems=invalid.problems, path=path)
        return cls(values, filters, path=path)

    def redirect_with_offsets(self, request: PageRequest) -> Redirect | None:
        """Return a redirect to the same list with UTC offsets in the times of its URL; None where they have them.

        A reader in another zone who opens the URL must see the same hour.
        """
        params = request.query_params
        changed = {
            name: self.values[name]
            for name in _TIME_FIELDS
            if params.get(name, "").strip() != self.values[name]
        }
        if not changed or wants_fragment(request):
            return None
        return Redirect(f"{self.path}?{urlencode({**params, **changed})}", status_code=303)

    def url(self, path: str | None = None, **changed: str | None) -> str:
        """Return the URL of this page, or of another one with the same filter, with some parameters changed."""
        values = {name: value for name, value in (self.values | changed).items() if value}
        return f"{path or self.path}?{urlencode(values)}" if values else path or self.path

    def resend_offer(self) -> str | None:
        """Return the statuses of a bulk resend of this list; None where nothing in it can be resent.

        Without a status most deliveries were delivered, so failed ones are offered; pending ones are sent anyway.
        """
        statuses = frozenset(self.filters.statuses()) if self.filters else frozenset()
        if statuses and statuses <= _FINAL:
            return self.values["status"]
        return DeliveryStatus.FAILED.value if not statuses or statuses & _FINAL else None


@dataclass(frozen=True, slots=True)
class ListResult:
    """What the list shows."""

    page: Page[DeliveryRow]
    newer: BoundedCount | None = None
    """Matching deliveries that arrived after the list was rendered."""
    matching: BoundedCount | None = None
    """All matching deliveries. Counted for the whole page, not for its live updates."""
    causes: FailureGroups | None = None
    """Failures by cause, when the filter is about failures."""
    histogram: Histogram | None = None
    """The same deliveries over time; None for an empty list."""


_EMPTY: Final = ListResult(Page((), None))


@get("/deliveries", guards=[requires("read")], include_in_schema=False)
async def deliveries(request: PageRequest) -> Response[Any]:
    """List deliveries. The problems of an invalid filter are shown beside its fields, and the list is empty."""
    query = ListQuery.from_request(request)
    if (redirect := query.redirect_with_offsets(request)) is not None:
        return redirect
    try:
        result = await _load(request, query)
    except InvalidInput as invalid:  # an expired cursor
        query, result = replace(query, problems=invalid.problems), _EMPTY
    return render_page(
        request,
        "deliveries/list.html",
        live=("deliveries", "circuits", "endpoints"),
        query=query,
        result=result,
        first_webhook=first_webhook(request),
        message_id=await _message_without_deliveries(request, query, result),
        refresh_url=_refresh_url(query, result.page),
        **await filter_options(request, query, result.page.items),
        **await _saved_views(request),
    )


async def _message_without_deliveries(
    request: PageRequest, query: ListQuery, result: ListResult
) -> str | None:
    """Return the id that was searched for when it is that of a message to which no endpoint subscribed."""
    text = query.values["q"]
    if result.page.items or not text.startswith("msg_"):
        return None
    try:
        return (await runtime_of(request).queries.messages.get(text)).id
    except NotFound:
        return None


async def filter_options(
    request: PageRequest, query: ListQuery, rows: Sequence[DeliveryRow] = ()
) -> dict[str, Any]:
    """Return the options of the filter's fields, and the name of the endpoint that the filter selects.

    The live fragment has no fields and is loaded often: it needs only that name, from one of its `rows` if possible.
    """
    queries = runtime_of(request).queries
    selected = query.filters.endpoint_id if query.filters else None
    names = {row.endpoint_id: row.endpoint_name for row in rows}
    if wants_fragment(request):
        has_name = not selected or selected in names
        options = () if has_name else await queries.endpoints.options("", 1, selected)
        return {"endpoint_name": _endpoint_name(selected, options, names)}
    options = await queries.endpoints.options("", MAX_ENDPOINT_OPTIONS, selected)
    return {
        "endpoint_name": _endpoint_name(selected, options, names),
        "endpoints": options,
        "max_endpoint_options": MAX_ENDPOINT_OPTIONS,
        "event_types": await queries.deliveries.event_types(),
        "failure_classes": tuple(FailureClass),
        "tabs": TABS,
    }


def _endpoint_name(
    endpoint_id: str | None, options: Sequence[EndpointOption], names: Mapping[str, str]
) -> str | None:
    option_name = next((option.name for option in options if option.id == endpoint_id), None)
    return names.get(endpoint_id or "") or option_name


async def _saved_views(request: PageRequest) -> dict[str, Any]:
    """Return the saved views of the reader. The live fragment does not show them."""
    if wants_fragment(request):
        return {}
    return {"saved_views": await runtime_of(request).saved_views.list(principal_of(request).id)}


async def _load(request: PageRequest, query: ListQuery) -> ListResult:
    if query.filters is None:
        return _EMPTY
    if query.rendered is not None:
        return await _reload_rows(request, query.filters, query.rendered, query.cursor)
    # Concurrently: the two reads use different indexes, each on a thread of its own.
    listed, causes = await asyncio.gather(
        _load_rows(request, query.filters, query.cursor), _load_causes(request, query)
    )
    histogram = listed.histogram if listed.page.items else None
    return ListResult(listed.page, None, listed.matching, causes, histogram)


async def _reload_rows(
    request: PageRequest, filters: DeliveryFilter, rendered: RenderedRows, cursor: str | None
) -> ListResult:
    """Return the rendered rows, also those that no longer match, so that no row moves under the pointer."""
    queries = runtime_of(request).queries.deliveries
    page = Page(await queries.by_ids(rendered.ids), rendered.next_cursor, up_to=rendered.up_to)
    newer = await queries.count_newer(filters, rendered.up_to) if rendered.up_to and not cursor else None
    return ListResult(page, newer, histogram=await queries.histogram(filters) if page.items else None)


async def _load_rows(request: PageRequest, filters: DeliveryFilter, cursor: str | None) -> ListOverTime:
    queries = runtime_of(request).queries.deliveries
    if cursor is None:
        return await queries.list_over_time(filters, limit=PAGE_SIZE)
    page, matching, histogram = await asyncio.gather(
        queries.list(filters, cursor=cursor, limit=PAGE_SIZE),
        queries.count(filters),
        queries.histogram(filters),
    )
    return ListOverTime(page, matching, histogram)


async def _load_causes(request: PageRequest, query: ListQuery) -> FailureGroups | None:
    """Return the failures by cause, for a whole page whose filter is about failures; the live fragment has none."""
    if query.filters is None or wants_fragment(request) or not _shows_causes(query):
        return None
    return await runtime_of(request).queries.deliveries.causes(query.filters)


def _shows_causes(query: ListQuery) -> bool:
    """Return whether the filter is about failures, but not about a single cause."""
    filters = query.filters
    if filters is None or query.cursor or filters.error:
        return False
    failing = filters.retrying or filters.held or DeliveryState.FAILED in filters.states
    return failing or filters.failure_class is not None


def _refresh_url(query: ListQuery, page: Page[DeliveryRow]) -> str:
    ids = " ".join(row.id for row in page.items)
    return query.url(cursor=query.cursor, rendered=ids, next=page.next_cursor, up_to=page.up_to)


HANDLERS: Final = [deliveries]
