"""The first page: is it us or them."""

from dataclasses import dataclass

from core.engine.insights.models.audit import AuditView
from core.engine.insights.models.circuits import CircuitView
from core.engine.insights.models.deliveries import DeliveryRow
from core.engine.insights.models.lists import BoundedCount
from core.engine.insights.models.traffic import Traffic


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """One background loop, as its supervisor sees it."""

    name: str
    healthy: bool
    restarts: int
    last_error: str | None


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
    loops: tuple[LoopHealth, ...]
