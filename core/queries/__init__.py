"""Read models of pages, API and command line. Each takes a few statements, whatever the size of the database."""

from collections.abc import Callable

from breakwater.core.domain.health import TaskHealth
from breakwater.core.ports import Clock
from breakwater.core.queries.audit import AuditQueries
from breakwater.core.queries.circuits.queries import CircuitQueries
from breakwater.core.queries.deliveries.messages import MessageQueries
from breakwater.core.queries.deliveries.queries import DeliveryQueries
from breakwater.core.queries.endpoints.queries import EndpointQueries
from breakwater.core.queries.gauges import GaugeQueries
from breakwater.core.queries.overview.queries import OverviewQueries
from breakwater.core.queries.traffic.charts import TrafficQueries
from breakwater.core.store.engine import Database

__all__ = ["Queries"]


class Queries:
    """The read side, one attribute for each subject.

    Each result shows one state of the database. Unknown ids raise NotFound; malformed cursors, limits and filters raise
    InvalidInput; StoreUnavailable means that the database cannot be read.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        tasks: Callable[[], tuple[TaskHealth, ...]],
        shortage: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Read `database`. `tasks` and `shortage` return the health of this process."""
        self.overview = OverviewQueries(database, clock, tasks, shortage)
        self.deliveries = DeliveryQueries(database, clock)
        self.messages = MessageQueries(database, clock)
        self.endpoints = EndpointQueries(database, clock)
        self.circuits = CircuitQueries(database, clock)
        self.audit = AuditQueries(database, clock)
        self.traffic = TrafficQueries(database, clock)
        self.gauges = GaugeQueries(database, clock)
