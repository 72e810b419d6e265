"""What every notification adapter offers, whatever its channel; and the values that pass through it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any

from breakwater.core.domain.states import NotificationStatus


@unique
class NotificationPriority(StrEnum):
    """How much a notification matters to its recipient. It is told to the receiver; it does not reorder a lane."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class NotificationRecipient:
    """Who is notified: for webhooks, `address` is the URL."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class NotificationMessage:
    """What is sent to every recipient."""

    recipients: Sequence[NotificationRecipient]
    subject: str = ""
    body: str = ""
    payload: dict[str, Any] | None = None
    """The JSON to send, instead of the one made of subject, body and priority."""
    event_type: str = "notification"
    priority: NotificationPriority = NotificationPriority.NORMAL

    def to_payload(self) -> dict[str, Any]:
        """Return the JSON that is sent."""
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
    """What became of one message."""

    message_id: str
    status: NotificationStatus
    """Of all its recipients together: the worst of them."""
    by_recipient: dict[str, NotificationStatus] = field(default_factory=dict)
    """Address -> status; of several deliveries to one address, the worst."""
    error: str | None = None
    """Of the first recipient that has none other than delivered."""

    @property
    def success(self) -> bool:
        """Whether every recipient has it."""
        return self.status is NotificationStatus.DELIVERED


class NotificationAdapter(ABC):
    """A channel. Used as `async with`, or between `connect` and `disconnect`."""

    @abstractmethod
    async def connect(self) -> bool:
        """Make ready; calling it again changes nothing."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Let go of everything."""

    @abstractmethod
    async def send(self, message: NotificationMessage) -> NotificationResult:
        """Send one message to all its recipients and return what became of it."""

    @abstractmethod
    async def send_batch(self, messages: Sequence[NotificationMessage]) -> list[NotificationResult]:
        """Send several at once; results come in their order."""

    @abstractmethod
    async def get_status(self, message_id: str) -> NotificationStatus:
        """Return how a message stands now."""
