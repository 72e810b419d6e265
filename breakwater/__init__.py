"""Breakwater: webhook delivery with retries and a circuit breaker per endpoint. The public names, nothing else.

What stands on the database, the wire or pydantic is imported when it is first asked for: a command that only asks a
running service by HTTP, or code that only wants the circuit breaker, does not wait for them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from breakwater.core.adapters.notification import (
    NotificationAdapter,
    NotificationMessage,
    NotificationPriority,
    NotificationRecipient,
    NotificationResult,
)
from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState
from breakwater.core.domain.errors import (
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
from breakwater.core.domain.retry import RetryConfig, RetryPolicy
from breakwater.core.domain.states import NotificationStatus

if TYPE_CHECKING:
    from breakwater.core.adapters.records import WebhookDelivery, WebhookDeliveryAttempt
    from breakwater.core.adapters.service import WebhookDeliveryService
    from breakwater.core.adapters.webhook import WebhookAdapter
    from breakwater.core.runtime import Runtime
    from breakwater.core.settings import Settings

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

_LATER: Final = {
    "Runtime": "breakwater.core.runtime",
    "Settings": "breakwater.core.settings",
    "WebhookAdapter": "breakwater.core.adapters.webhook",
    "WebhookDelivery": "breakwater.core.adapters.records",
    "WebhookDeliveryAttempt": "breakwater.core.adapters.records",
    "WebhookDeliveryService": "breakwater.core.adapters.service",
}
"""Where the names live that are imported when they are asked for."""


def __getattr__(name: str) -> Any:
    """Import a name of `_LATER`; the next time it is there."""
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
