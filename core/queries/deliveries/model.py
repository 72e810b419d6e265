"""A delivery in a list and in full, its attempts and its message."""

from dataclasses import dataclass

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.outcome import Headers
from breakwater.core.domain.states import (
    DeliveryState,
    EndpointState,
    FailureClass,
    NotificationStatus,
    Trigger,
)
from breakwater.core.text.statuses import DeliveryStatus, delivery_status, notification_status


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as a list shows it."""

    id: str
    message_id: str
    endpoint_id: str
    endpoint_name: str
    webhook_url: str
    event_type: str
    state: DeliveryState
    held: bool
    """Pending, and held by its endpoint: an open or half-open circuit, a hold, a pause, or rate limiting."""
    failure_class: FailureClass | None
    status_code: int | None
    error: str | None
    attempt_count: int
    next_attempt_at: float | None
    created_at: float
    finished_at: float | None
    endpoint_deleted: bool = False

    @property
    def status(self) -> DeliveryStatus:
        """Return the state, or the derived status of a pending delivery."""
        return delivery_status(self.state, held=self.held, attempted=self.attempt_count > 0)

    @property
    def notification_status(self) -> NotificationStatus:
        """Return the status in the terms of the adapter."""
        return notification_status(self.state, held=self.held, attempted=self.attempt_count > 0)


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of a delivery."""

    id: str
    number: int
    trigger: Trigger
    started_at: float
    duration_ms: int | None
    failure_class: FailureClass | None
    status_code: int | None
    error: str | None
    request_headers: Headers
    response_headers: Headers
    response_body: bytes | None
    response_truncated: bool
    response_headers_truncated: bool = False

    @property
    def success(self) -> bool:
        """Whether the response was 2xx."""
        return self.failure_class is None


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """A delivery with everything that its page shows."""

    row: DeliveryRow
    why: str
    """One sentence: why it is not delivered yet, or how it ended."""
    payload: bytes
    attempts: tuple[AttemptView, ...]
    """Oldest first; the newest 100 when there were more."""
    retry_delays: tuple[float, ...]
    """Its retry schedule."""
    budget_left: int
    endpoint_state: EndpointState
    circuit_state: CircuitState
    resend_consequence: str
    """One sentence: what a resend does now."""
    can_resend: bool
    can_cancel: bool
    endpoint_deleted: bool = False


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message and its deliveries."""

    id: str
    event_type: str
    payload: bytes
    idempotency_key: str | None
    created_at: float
    deliveries: tuple[DeliveryRow, ...]
    note: str | None
    """Says why there are no deliveries, when there are none."""
