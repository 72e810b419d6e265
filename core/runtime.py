"""Wires the parts of one Breakwater together."""

import random
import secrets
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from pydantic import SecretStr

from breakwater.core.accounts import Access
from breakwater.core.accounts.saved_views import SavedViews
from breakwater.core.audit_log import AuditLog
from breakwater.core.clock import SystemClock
from breakwater.core.counters import DeliveryCounters
from breakwater.core.crypto.vault import SecretUnreadable, Vault
from breakwater.core.delivery.change_feed import ChangeFeed
from breakwater.core.delivery.context import EngineContext
from breakwater.core.delivery.dispatcher import Dispatcher
from breakwater.core.delivery.endpoint_cache import EndpointCache
from breakwater.core.delivery.endpoint_changes import EndpointChanges
from breakwater.core.delivery.intake import Intake
from breakwater.core.delivery.recovery import LeaseReaper
from breakwater.core.delivery.supervisor import Supervisor
from breakwater.core.domain.descriptors import MAX_LOOKUPS, DescriptorBudget
from breakwater.core.domain.errors import StartRefused
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.shortage import Resource
from breakwater.core.domain.target import AllowedNetworks
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.reqwest.client_pool import IDLE_PER_HOST
from breakwater.core.egress.reqwest.sender import ReqwestSender
from breakwater.core.endpoints.adhoc import AdhocEndpoints
from breakwater.core.endpoints.adhoc_limits import AdhocLimits
from breakwater.core.endpoints.fields import Rules
from breakwater.core.endpoints.key_check import require_key
from breakwater.core.endpoints.rows import EndpointRows
from breakwater.core.endpoints.service import Endpoints
from breakwater.core.histogram import Histogram
from breakwater.core.ids import Ids, new_node_id
from breakwater.core.maintenance.auto_disable import AutoDisableJob
from breakwater.core.maintenance.deleted_endpoints import DeletedEndpointsJob
from breakwater.core.maintenance.hold_expiry import HoldExpiryJob
from breakwater.core.maintenance.retention import RetentionJob
from breakwater.core.maintenance.stats_rollup import StatsRollup
from breakwater.core.operations import Operations
from breakwater.core.ports import Clock, Draw, Sender
from breakwater.core.queries import Queries
from breakwater.core.replays import Replays
from breakwater.core.replays.runner import ReplayRunner
from breakwater.core.settings import Settings
from breakwater.core.store.engine import Database

_ZONES: Final = 16
"""Zones whose name servers must hang before lookups in any other zone wait."""


class Runtime:
    """A whole Breakwater in this process: `start` it, use its parts, `stop` it. Or use it as an async context.

    `start` is `open` and then `deliver`. Between the two, everything can be read and changed, and nothing is sent.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        sender: Sender | None = None,
        draw: Draw = random.random,
        budget: DescriptorBudget | None = None,
    ) -> None:
        """Wire the parts together; nothing is opened yet.

        `budget` limits what is opened; without it, the settings alone do.
        `clock`, `sender` and `draw` (a random number from 0 up to 1) replace the system's clock, network and chance.
        """
        allowed = _allowed_targets(settings)
        self.settings = settings
        self.budget = budget
        self.max_in_flight = settings.max_in_flight if budget is None else budget.attempts
        self.clock: Clock = clock or SystemClock()
        self.ids = Ids(self.clock)
        self.node_id = new_node_id()
        self.vault = Vault.from_settings(settings.secret_key, settings.key_file)
        self.database = Database(settings.database_url, self.vault)
        self.change_feed = ChangeFeed()
        lookups = MAX_LOOKUPS if budget is None else budget.lookups
        self.guard = Guard(
            allowed,
            own_addresses=[(settings.host, settings.port)] if settings.port else [],
            max_lookups=lookups,
            lookups_per_zone=max(1, lookups // _ZONES),
        )
        reuse = settings.reuse_connections and (budget is None or budget.keep_connections)
        self._sender: Sender = sender or _server_sender(settings, self.guard, reuse_connections=reuse)
        self.endpoint_cache = EndpointCache(self.database, self.vault, allowed)
        self._endpoint_changes = EndpointChanges(self.database, self.clock)
        self._endpoint_changes.add_reader(self.endpoint_cache.reload)
        self.access = Access(self.database, self.ids, self.clock, settings)
        self._dispatcher = Dispatcher(
            endpoint_cache=self.endpoint_cache,
            endpoint_changes=self._endpoint_changes,
            database=self.database,
            sender=self._sender,
            clock=self.clock,
            ids=self.ids,
            draw=draw,
            change_feed=self.change_feed,
            node_id=self.node_id,
            max_in_flight=self.max_in_flight,
        )
        self._context = context = EngineContext(
            database=self.database,
            endpoint_cache=self.endpoint_cache,
            endpoint_changes=self._endpoint_changes,
            dispatcher=self._dispatcher,
            clock=self.clock,
            ids=self.ids,
            change_feed=self.change_feed,
            audit_log=AuditLog(self.ids, self.clock),
        )
        rules = Rules(allowed, settings.attempt_timeout_seconds, settings.lane_max_in_flight)
        rows = EndpointRows(self.vault, self.ids, self.clock, rules)
        self.endpoints = Endpoints(context, rows)
        self.adhoc_endpoints = AdhocEndpoints(
            context, rows, AdhocLimits(settings.adhoc_endpoints_per_sender, settings.max_adhoc_endpoints)
        )
        self.intake = Intake(
            context, adhoc=self.adhoc_endpoints, node_id=self.node_id, payload_cap=settings.payload_cap
        )
        self.operations = Operations(context)
        self.queries = Queries(self.database, self.clock, self.health, self._dispatcher.shortages.current)
        self.replays = Replays(context, self.queries)
        self.saved_views = SavedViews(self.database, self.ids, self.clock)
        self._lease_reaper = LeaseReaper(context, self.node_id)
        self._supervisor = Supervisor(self.clock)
        self._add_background_tasks(context)

    @classmethod
    def library(cls, database_url: str) -> Self:
        """Return a runtime for use inside another program: it does not listen, and sends with httpx."""
        from breakwater.core.egress.httpx.sender import HttpxSender  # noqa: PLC0415  # the service seldom needs it

        settings = Settings(database_url=database_url)
        if ":memory:" in database_url and settings.secret_key is None:
            # The encrypted secrets end with the process, so their key can too: no key file is left behind.
            settings = settings.model_copy(update={"secret_key": SecretStr(secrets.token_urlsafe(32))})
        guard = Guard(_allowed_targets(settings))
        return cls(settings, sender=HttpxSender(guard))

    async def start(self) -> None:
        """Open the database and start to deliver. Raises StartRefused, with everything closed again."""
        await self.open()
        try:
            await self.deliver()
        except BaseException:
            await self._close()
            raise

    async def open(self) -> None:
        """Open the database. Raises StartRefused, with everything closed again."""
        try:
            await self.database.open()
            await require_key(self.database, self.vault)
            await self.endpoint_cache.load()
            await self._dispatcher.load()
        except BaseException as error:
            await self._close()
            if isinstance(error, SecretUnreadable):
                raise StartRefused(str(error)) from error
            raise

    async def deliver(self) -> None:
        """Start to deliver, beginning with what earlier processes left in flight. Call `open` first.

        Raises StoreUnavailable when that cannot be written.
        """
        await self._lease_reaper.recover_on_start()
        self._supervisor.start()

    async def stop(self) -> None:
        """Claim nothing more, wait up to `drain_seconds` for attempts in flight, and close everything."""
        await self._dispatcher.drain(self.settings.drain_seconds)
        await self._supervisor.stop()
        await self._close()

    def health(self) -> tuple[TaskHealth, ...]:
        """Return the health of each background task and of the writer."""
        writer = self.database.writer
        return (
            *self._supervisor.health(),
            TaskHealth("writer", writer.healthy, writer.restarts, writer.last_error),
            self._endpoint_changes.health(),
        )

    def notices(self) -> tuple[str, ...]:
        """Return what limits this process now, each with the remedy, although every task is healthy."""
        shortage = self._dispatcher.shortages.current()
        limit = None if self.budget is None else self.budget.notice
        return tuple(filter(None, (shortage and f"{shortage}.", limit)))

    def postponed_attempts(self) -> Mapping[Resource, int]:
        """Return how many attempts local shortages have postponed since the start, by what ran out."""
        return self._dispatcher.shortages.counts

    @property
    def delivery_counters(self) -> DeliveryCounters:
        """What this process has accepted and attempted since its start."""
        return self._dispatcher.counters

    @property
    def write_seconds(self) -> Histogram:
        """How long this process' write transactions took, with their commit."""
        return self.database.writer.batch_seconds

    @property
    def write_batch_members(self) -> Histogram:
        """How many writes shared a transaction."""
        return self.database.writer.batch_members

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _add_background_tasks(self, context: EngineContext) -> None:
        retention = RetentionJob(
            database=self.database,
            clock=self.clock,
            retention_days=self.settings.retention_days,
            audit_retention_days=self.settings.audit_retention_days,
            on_endpoints_deleted=self._endpoint_changes.mark_outdated,
            wait_until_endpoints_read=self._endpoint_changes.wait_until_read,
        )
        self._supervisor.add("dispatcher", self._dispatcher.run)
        self._supervisor.add("poller", self._dispatcher.poll_regularly)
        self._supervisor.add("sweeper", self._lease_reaper.run)
        self._supervisor.add("warden", HoldExpiryJob(context).run)
        self._supervisor.add("auto-disable", AutoDisableJob(context).run)
        self._supervisor.add("deleted-endpoints", DeletedEndpointsJob(context).run)
        self._supervisor.add("replayer", ReplayRunner(context).run)
        self._supervisor.add("pruner", retention.run)
        rollup = StatsRollup(self.database, self.clock, on_late_results=self.queries.traffic.forget_sums)
        self._supervisor.add("summariser", rollup.run)

    async def _close(self) -> None:
        await self._endpoint_changes.close()
        await self._sender.close()
        await self.database.close()


def _server_sender(settings: Settings, guard: Guard, *, reuse_connections: bool) -> ReqwestSender:
    return ReqwestSender(
        guard,
        settings.user_agent,
        body_cap=settings.response_body_cap,
        headers_cap=settings.response_headers_cap,
        idle_per_host=IDLE_PER_HOST if reuse_connections else 0,
    )


def _allowed_targets(settings: Settings) -> AllowedNetworks:
    return AllowedNetworks.parse(settings.allowed_networks).with_host_names(settings.allowed_host_names)
