"""The interface of every notification adapter, and its input and result values."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any

from breakwater.core.domain.states import NotificationStatus


@unique
class NotificationPriority(StrEnum):
    """How important a notification is to its recipient. It is part of the payload and does not reorder a lane."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class NotificationRecipient:
    """Whom to notify. For webhooks, `address` is the URL."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class NotificationMessage:
    """One notification for all its recipients."""

    recipients: Sequence[NotificationRecipient]
    subject: str = ""
    body: str = ""
    payload: dict[str, Any] | None = None
    """The JSON object to send instead of the one built from event type, subject, body and priority."""
    event_type: str = "notification"
    priority: NotificationPriority = NotificationPriority.NORMAL

    def to_payload(self) -> dict[str, Any]:
        """Return the JSON object to send."""
        if self.payload is not None:
            return self.payload
        return {
            "event_type": self.event_type,
            "subject": self.subject,
            "body": self.body,
            "priority": self.priority.value,
        }


@dataclass(frozen=True, slots=True)
class NotificationResult:
    """The outcome of one message."""

    message_id: str
    status: NotificationStatus
    """The worst status among the recipients."""
    by_recipient: dict[str, NotificationStatus] = field(default_factory=dict)
    """Address -> status. The worst one where several deliveries have the same address."""
    error: str | None = None
    """The error of the first recipient whose status is not delivered."""

    @property
    def success(self) -> bool:
        """Whether the message was delivered to every recipient."""
        return self.status is NotificationStatus.DELIVERED


class NotificationAdapter(ABC):
    """A notification channel. Use it with `async with`, or between `connect` and `disconnect`."""

    @abstractmethod
    async def connect(self) -> bool:
        """Open the channel. Calling it again has no effect."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close the channel and release its resources."""

    @abstractmethod
    async def send(self, message: NotificationMessage) -> NotificationResult:
        """Send one message to all its recipients and return the outcome."""

    @abstractmethod
    async def send_batch(self, messages: Sequence[NotificationMessage]) -> list[NotificationResult]:
        """Send several messages concurrently and return their outcomes in the same order."""

    @abstractmethod
    async def get_status(self, message_id: str) -> NotificationStatus:
        """Return the current status of a message."""
