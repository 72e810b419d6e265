"""The read model of the page Now."""

from dataclasses import dataclass

from breakwater.core.domain.health import TaskHealth
from breakwater.core.queries.audit import AuditView
from breakwater.core.queries.circuits.model import CircuitView, ResetCircuit
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.overview.failing import FailureGroup
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.traffic.model import Traffic


@dataclass(frozen=True, slots=True)
class Overview:
    """The content of the page Now."""

    sentence: str
    """Whether endpoints fail or Breakwater is unhealthy, in one sentence."""
    needs_attention: bool
    """Something failed, is held or does not run."""
    failing: tuple[FailureGroup, ...]
    """The endpoints that failed within the last 15 minutes, by cause."""
    endpoints: int
    """Not deleted."""
    traffic: Traffic
    """Of the last hour."""
    attempts_per_minute: float
    """Over the last 5 minutes."""
    longest_attempt_ms: float
    """The longest timeout of an endpoint: no attempt takes longer."""
    open_circuits: tuple[CircuitView, ...]
    """Open and half-open, by name."""
    recently_reset: tuple[ResetCircuit, ...]
    """Closed circuits that people reset a short time ago."""
    oldest_pending: DeliveryRow | None
    pending: BoundedCount
    in_flight: BoundedCount
    failed_last_24h: BoundedCount
    recent_actions: tuple[AuditView, ...]
    tasks: tuple[TaskHealth, ...]
