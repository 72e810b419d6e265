"""Breakwater: webhook delivery with retries and a circuit breaker per endpoint. The public names, nothing else."""

from core.adapters.notification import (
    NotificationAdapter,
    NotificationMessage,
    NotificationPriority,
    NotificationRecipient,
    NotificationResult,
)
from core.adapters.records import WebhookDelivery, WebhookDeliveryAttempt
from core.adapters.service import WebhookDeliveryService
from core.adapters.webhook import WebhookAdapter
from core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState
from core.domain.errors import (
    BreakwaterError,
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    StartRefused,
    StoreUnavailable,
    TargetRefused,
    Unauthorized,
)
from core.domain.retry import RetryConfig, RetryPolicy
from core.domain.states import NotificationStatus
from core.runtime import Runtime
from core.settings import Settings

__all__ = [
    "BreakwaterError",
    "CircuitBreaker",
    "CircuitBreakerConfig",
    "CircuitState",
    "Conflict",
    "Forbidden",
    "IdempotencyMismatch",
    "InvalidInput",
    "NotFound",
    "NotificationAdapter",
    "NotificationMessage",
    "NotificationPriority",
    "NotificationRecipient",
    "NotificationResult",
    "NotificationStatus",
    "PayloadTooLarge",
    "RetryConfig",
    "RetryPolicy",
    "Runtime",
    "Settings",
    "StartRefused",
    "StoreUnavailable",
    "TargetRefused",
    "Unauthorized",
    "WebhookAdapter",
    "WebhookDelivery",
    "WebhookDeliveryAttempt",
    "WebhookDeliveryService",
]
