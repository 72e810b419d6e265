"""What the sentences about a delivery are made from: plain facts, read in a few queries or written down by a test."""

from dataclasses import dataclass, field

from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass, Trigger
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.text.format import sanitize
from breakwater.core.text.outcomes import failure_name


@dataclass(frozen=True, slots=True)
class AuditRef:
    """What somebody did to the delivery or its endpoint."""

    action: str
    actor: str
    at: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointSnapshot:
    """The lane that a delivery is in."""

    name: str
    """Of the endpoint."""
    breaker: CircuitBreaker
    state: EndpointState = EndpointState.ENABLED
    state_reason: str | None = None
    deleted: bool = False
    throttled_until: float | None = None
    opening_cause: str | None = None
    """Why the circuit is not closed, in the words of its last transition."""
    max_in_flight: int = 64
    rate_limit: float | None = None
    """Attempts a second."""
    timeout: float = 10.0
    in_flight: BoundedCount = field(default_factory=lambda: BoundedCount(0))
    due_before: BoundedCount = field(default_factory=lambda: BoundedCount(0))
    """Pending deliveries of the lane whose turn is before this one's."""
    deed: AuditRef | None = None
    """Who paused it, or ended that."""


@dataclass(frozen=True, slots=True)
class DeliverySnapshot:
    """One delivery at one moment."""

    now: float
    lane: EndpointSnapshot
    state: DeliveryState
    created_at: float
    max_attempts: int
    attempt_count: int = 0
    budget_spent: int = 0
    next_attempt_at: float | None = None
    trigger: Trigger = Trigger.SCHEDULE
    failure_class: FailureClass | None = None
    status_code: int | None = None
    error: str | None = None
    lost_count: int = 0
    lease_until: float | None = None
    running_since: float | None = None
    finished_at: float | None = None
    lost_attempts: tuple[int, ...] = ()
    """The numbers of attempts of which nobody knows whether they arrived."""
    deed: AuditRef | None = None
    """The latest resend or cancel."""

    @property
    def met(self) -> str:
        """Return what the latest attempt met, in words: `503 Service Unavailable`, `connection refused`."""
        if self.error:
            return sanitize(self.error)
        return "an unknown failure" if self.failure_class is None else failure_name(self.failure_class)
