"""The first page: is it us or them."""

from dataclasses import dataclass

from breakwater.core.domain.health import TaskHealth
from breakwater.core.queries.audit import AuditView
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.traffic.model import Traffic


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page `Now` says."""

    sentence: str
    """Is it us or them, in one sentence."""
    calm: bool
    """Nothing asks for a person."""
    traffic: Traffic
    """Of the last hour."""
    open_circuits: tuple[CircuitView, ...]
    """Worst first: by backlog, then by failures."""
    oldest_undelivered: DeliveryRow | None
    pending: BoundedCount
    in_flight: BoundedCount
    failed_last_day: BoundedCount
    recent_actions: tuple[AuditView, ...]
    loops: tuple[TaskHealth, ...]
