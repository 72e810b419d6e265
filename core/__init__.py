"""Breakwater: webhook delivery with retries and a circuit breaker per endpoint. The public names, nothing else.

What stands on the database, the wire or pydantic is imported when it is first asked for: a command that only asks a
running service by HTTP, or code that only wants the circuit breaker, does not wait for them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from core.adapters.notification import (
    NotificationAdapter,
    NotificationMessage,
    NotificationPriority,
    NotificationRecipient,
    NotificationResult,
)
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

if TYPE_CHECKING:
    from core.adapters.records import WebhookDelivery, WebhookDeliveryAttempt
    from core.adapters.service import WebhookDeliveryService
    from core.adapters.webhook import WebhookAdapter
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

_LATER: Final = {
    "Runtime": "core.runtime",
    "Settings": "core.settings",
    "WebhookAdapter": "core.adapters.webhook",
    "WebhookDelivery": "core.adapters.records",
    "WebhookDeliveryAttempt": "core.adapters.records",
    "WebhookDeliveryService": "core.adapters.service",
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
