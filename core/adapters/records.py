"""Deliveries and attempts as the adapter's specification defines them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from breakwater.core.domain.states import NotificationStatus
from breakwater.core.queries.deliveries.model import AttemptView, DeliveryDetail

_WORST_FIRST: Final = (
    NotificationStatus.FAILED,
    NotificationStatus.CANCELLED,
    NotificationStatus.HELD,
    NotificationStatus.RETRYING,
    NotificationStatus.PENDING,
    NotificationStatus.DELIVERED,
)


@dataclass(frozen=True, slots=True)
class WebhookDeliveryAttempt:
    """One attempt of a webhook delivery."""

    attempt_number: int
    """From 1."""
    timestamp: datetime
    """The start of the attempt, in UTC."""
    status_code: int | None
    error: str | None
    response_time_ms: int | None
    success: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return {
            "attempt_number": self.attempt_number,
            "timestamp": iso(self.timestamp),
            "status_code": self.status_code,
            "error": self.error,
            "response_time_ms": self.response_time_ms,
            "success": self.success,
        }


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One webhook delivery to one recipient, with all its attempts."""

    message_id: str
    webhook_url: str
    payload: dict[str, Any]
    attempts: list[WebhookDeliveryAttempt]
    """Oldest first."""
    final_status: NotificationStatus
    created_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return {
            "message_id": self.message_id,
            "webhook_url": self.webhook_url,
            "payload": self.payload,
            "attempts": [attempt.to_dict() for attempt in self.attempts],
            "final_status": self.final_status.value,
            "created_at": iso(self.created_at),
        }


def delivery_record(detail: DeliveryDetail) -> WebhookDelivery:
    """Return the specification's record of a delivery."""
    return WebhookDelivery(
        message_id=detail.row.message_id,
        webhook_url=detail.row.webhook_url,
        payload=msgspec.json.decode(detail.payload),
        attempts=[_attempt_record(attempt) for attempt in detail.attempts],
        final_status=detail.row.notification_status,
        created_at=_utc(detail.row.created_at),
    )


def _attempt_record(attempt: AttemptView) -> WebhookDeliveryAttempt:
    return WebhookDeliveryAttempt(
        attempt_number=attempt.number,
        timestamp=_utc(attempt.started_at),
        status_code=attempt.status_code,
        error=attempt.error,
        response_time_ms=attempt.duration_ms,
        success=attempt.success,
    )


def worst(statuses: list[NotificationStatus]) -> NotificationStatus:
    """Return the status that most needs attention, or pending when there is none."""
    return min(statuses, key=_WORST_FIRST.index, default=NotificationStatus.PENDING)


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def iso(timestamp: datetime) -> str:
    """Return `2026-11-22T03:12:07.123Z`."""
    return timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
