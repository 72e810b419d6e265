"""The parts that intake, operations and the background tasks share."""

from dataclasses import dataclass

from breakwater.core.audit_log import AuditLog
from breakwater.core.delivery.change_feed import ChangeFeed
from breakwater.core.delivery.dispatcher import Dispatcher
from breakwater.core.delivery.endpoint_cache import EndpointCache
from breakwater.core.delivery.endpoint_changes import EndpointChanges
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database


@dataclass(frozen=True, slots=True)
class EngineContext:
    """The shared parts of one runtime."""

    database: Database
    endpoint_cache: EndpointCache
    endpoint_changes: EndpointChanges
    dispatcher: Dispatcher
    clock: Clock
    ids: Ids
    change_feed: ChangeFeed
    audit_log: AuditLog
