"""Read models: what pages, the API and the command line share. Every one is a few queries, however much is stored."""

from collections.abc import Callable, Collection, Sequence

from breakwater.core.domain.health import TaskHealth
from breakwater.core.ports import Clock
from breakwater.core.queries.circuits.board import CircuitBoard
from breakwater.core.queries.circuits.history import History
from breakwater.core.queries.deliveries.causes import Groups
from breakwater.core.queries.deliveries.detail import DeliveryDetails
from breakwater.core.queries.deliveries.event_types import EventTypes
from breakwater.core.queries.deliveries.histogram import Histograms
from breakwater.core.queries.deliveries.list import DeliveryLists
from breakwater.core.queries.deliveries.messages import Messages
from breakwater.core.queries.deliveries.over_time import ListsOverTime
from breakwater.core.queries.endpoints.deleted import DeletedEndpoints
from breakwater.core.queries.endpoints.list import EndpointLists
from breakwater.core.queries.models import (
    AuditView,
    BoundedCount,
    CircuitView,
    DeletedEndpoint,
    DeliveryDetail,
    DeliveryRow,
    EndpointOption,
    EndpointSummary,
    FailureGroups,
    Histogram,
    LanePage,
    ListOverTime,
    MessageView,
    Overview,
    Page,
    Traffic,
    TransitionView,
)
from breakwater.core.queries.overview.overview import Overviews
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.traffic.charts import TrafficCharts
from breakwater.core.store.engine import Database

__all__ = ["Insights"]


class Queries:
    """Everything that can be asked about what is stored.

    Each answer sees one state of the database. Unknown ids raise NotFound; cursors, limits and filters that are not in
    order raise InvalidInput; StoreUnavailable says that nothing can be read just now.
    """

    def __init__(self, database: Database, clock: Clock, loops: Callable[[], tuple[TaskHealth, ...]]) -> None:
        self._overview = Overviews(database, clock, loops)
        self._deliveries = DeliveryLists(database, clock)
        self._histograms = Histograms(database, clock)
        self._lists_over_time = ListsOverTime(database, clock, self._deliveries, self._histograms)
        self._details = DeliveryDetails(database, clock)
        self._groups = Groups(database, clock)
        self._messages = Messages(database, clock)
        self._deleted = DeletedEndpoints(database, clock)
        self._endpoints = EndpointLists(database, clock)
        self._event_types = EventTypes(database)
        self._circuits = CircuitBoard(database, clock)
        self._history = History(database, clock)
        self._traffic = TrafficCharts(database, clock)

    async def overview(self) -> Overview:
        """Return what the first page says: is it us or them."""
        return await self._overview.read()

    async def deliveries(
        self, wanted: DeliveryFilter, cursor: str | None = None, limit: int = 50
    ) -> Page[DeliveryRow]:
        """Return the deliveries that match, newest first, `limit` (1 to 200) at a time.

        A page may be short before the list ends: `search_bounds` says how far it looked, `next_cursor` goes on there.
        """
        return await self._deliveries.page(wanted, cursor, limit)

    async def deliveries_over_time(self, wanted: DeliveryFilter, limit: int = 50) -> ListOverTime:
        """Return the newest deliveries that match, how many do, and all of them over time.

        What `deliveries`, `count` and `histogram` say, with one look at what has to be looked at one by one; what
        indexes tell is read at the same time, each in a moment of its own.
        """
        return await self._lists_over_time.of(wanted, limit)

    async def count(self, wanted: DeliveryFilter, bound: int = 10_000) -> BoundedCount:
        """Return how many deliveries match, counted to `bound` and as far as a page looks."""
        return await self._deliveries.count(wanted, bound)

    async def rows_since(self, wanted: DeliveryFilter, newest_id: str) -> BoundedCount:
        """Return how many that match arrived after the delivery `newest_id`: the "12 new" above a list."""
        return await self._deliveries.newer(wanted, newest_id)

    async def rows(self, ids: Sequence[str]) -> tuple[DeliveryRow, ...]:
        """Return the deliveries of `ids` (200 at most) as they are now, newest first; unknown ones are left out."""
        return await self._deliveries.of(ids)

    async def histogram(self, wanted: DeliveryFilter) -> Histogram:
        """Return the deliveries that match over the time that they are asked for, else over the last day, by state.

        Only the newest are counted: some ten thousand where each has to be looked at, more where an index counts.
        """
        return await self._histograms.of(wanted)

    async def groups(self, wanted: DeliveryFilter) -> FailureGroups:
        """Return the failures among the deliveries that match, grouped by cause across endpoints."""
        return await self._groups.of(wanted)

    async def delivery(self, delivery_id: str) -> DeliveryDetail:
        """Return one delivery, whole, with the sentence that says why it stands where it does."""
        return await self._details.of(delivery_id)

    async def message(self, message_id: str) -> MessageView:
        """Return a message and where it went."""
        return await self._messages.of(message_id)

    async def endpoints(
        self, cursor: str | None = None, limit: int = 50, text: str = ""
    ) -> LanePage[EndpointSummary]:
        """Return the endpoints whose name or URL contains `text`, worst first, `limit` (1 to 500) at a time."""
        return await self._endpoints.page(cursor, limit, text)

    async def endpoint(self, endpoint_id: str) -> EndpointSummary:
        """Return one endpoint with its circuit and its traffic of the last hour."""
        return await self._endpoints.of(endpoint_id)

    async def deleted_endpoint(self, endpoint_id: str) -> DeletedEndpoint:
        """Return what is left of an endpoint that was deleted; NotFound for one that was not."""
        return await self._deleted.of(endpoint_id)

    async def endpoint_options(
        self, text: str = "", limit: int = 20, chosen: str | None = None
    ) -> tuple[EndpointOption, ...]:
        """Return endpoints whose name or URL contains `text`, to choose from; the one that is `chosen` comes first."""
        return await self._endpoints.options(text, limit, chosen)

    async def event_types(self, text: str = "") -> tuple[str, ...]:
        """Return at most 20 event types that contain `text`, to choose from."""
        return await self._event_types.containing(text)

    async def circuits(
        self, cursor: str | None = None, limit: int = 50, text: str = ""
    ) -> LanePage[CircuitView]:
        """Return the circuits of the endpoints whose name or URL contains `text`, `limit` (1 to 500) at a time.

        Worst first: open ones, then half open ones and those of endpoints that are paused or disabled, each by failures
        in a row, and within a page by what waits; then the others by name.
        """
        return await self._circuits.page(cursor, limit, text)

    async def circuits_of(self, endpoint_ids: Collection[str]) -> tuple[CircuitView, ...]:
        """Return the circuits of these endpoints, worst first; deleted and unknown ones are left out."""
        return await self._circuits.of_several(endpoint_ids)

    async def circuit(self, endpoint_id: str) -> CircuitView:
        """Return the circuit of one endpoint."""
        return await self._circuits.of(endpoint_id)

    async def transitions(
        self, endpoint_id: str | None = None, limit: int = 50
    ) -> tuple[TransitionView, ...]:
        """Return the latest changes of one circuit, or of all, newest first."""
        return await self._history.transitions(endpoint_id, limit)

    async def audit(
        self,
        cursor: str | None = None,
        limit: int = 50,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
    ) -> Page[AuditView]:
        """Return what people did, newest first, `limit` (1 to 200) at a time."""
        return await self._history.audit(cursor, limit, actor=actor, action=action, subject=subject)

    async def traffic(self, endpoint_id: str | None = None, minutes: int = 60) -> Traffic:
        """Return the attempts of the last `minutes` (31 days at most) of one endpoint, or of all."""
        return await self._traffic.of(endpoint_id, minutes)
