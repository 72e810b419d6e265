"""Breakwater: webhook delivery with retries and a circuit breaker per endpoint. The public names, nothing else.

Each is imported when it is first asked for: a command that only asks a running service by HTTP, or code that only wants
the circuit breaker, does not wait for the database and the wire.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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

_HOMES: Final = {
    "NotificationAdapter": "core.adapters.notification",
    "NotificationMessage": "core.adapters.notification",
    "NotificationPriority": "core.adapters.notification",
    "NotificationRecipient": "core.adapters.notification",
    "NotificationResult": "core.adapters.notification",
    "WebhookDelivery": "core.adapters.records",
    "WebhookDeliveryAttempt": "core.adapters.records",
    "WebhookDeliveryService": "core.adapters.service",
    "WebhookAdapter": "core.adapters.webhook",
    "CircuitBreaker": "core.domain.circuit",
    "CircuitBreakerConfig": "core.domain.circuit",
    "CircuitState": "core.domain.circuit",
    "BreakwaterError": "core.domain.errors",
    "Conflict": "core.domain.errors",
    "Forbidden": "core.domain.errors",
    "IdempotencyMismatch": "core.domain.errors",
    "InvalidInput": "core.domain.errors",
    "NotFound": "core.domain.errors",
    "PayloadTooLarge": "core.domain.errors",
    "StartRefused": "core.domain.errors",
    "StoreUnavailable": "core.domain.errors",
    "TargetRefused": "core.domain.errors",
    "Unauthorized": "core.domain.errors",
    "RetryConfig": "core.domain.retry",
    "RetryPolicy": "core.domain.retry",
    "NotificationStatus": "core.domain.states",
    "Runtime": "core.runtime",
    "Settings": "core.settings",
}


def __getattr__(name: str) -> Any:
    """Import a public name; the next time it is there."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
