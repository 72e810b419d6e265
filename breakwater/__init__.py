"""Breakwater: webhook delivery with retries and a circuit breaker per endpoint. Only the public names.

Names that need the database, an HTTP client or pydantic are imported at their first use. So a command that talks to a
running service, or code that uses only the circuit breaker, does not wait for these imports.
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
from breakwater.core.distribution import install_hint
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
from breakwater.core.domain.states import NotificationStatus, SignatureScheme
from breakwater.core.domain.verification import VerificationCheck, VerificationFailed, VerifiedWebhook

if TYPE_CHECKING:
    from breakwater.core.adapters.records import WebhookDelivery, WebhookDeliveryAttempt
    from breakwater.core.adapters.service import WebhookDeliveryService
    from breakwater.core.adapters.verification import verify
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
    "SignatureScheme",
    "StartRefused",
    "StoreUnavailable",
    "TargetRefused",
    "Unauthorized",
    "VerificationCheck",
    "VerificationFailed",
    "VerifiedWebhook",
    "WebhookAdapter",
    "WebhookDelivery",
    "WebhookDeliveryAttempt",
    "WebhookDeliveryService",
    "verify",
]

_LAZY_MODULES: Final = {
    "Runtime": "breakwater.core.runtime",
    "Settings": "breakwater.core.settings",
    "WebhookAdapter": "breakwater.core.adapters.webhook",
    "WebhookDelivery": "breakwater.core.adapters.records",
    "WebhookDeliveryAttempt": "breakwater.core.adapters.records",
    "WebhookDeliveryService": "breakwater.core.adapters.service",
    "verify": "breakwater.core.adapters.verification",
}
"""The module of each name that is imported at its first use."""


if not TYPE_CHECKING:  # a type checker would accept every misspelt name

    def __getattr__(name: str) -> Any:
        """Import a name of `_LAZY_MODULES` and keep it in the module."""
        module = _LAZY_MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            value = globals()[name] = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            raise ImportError(install_hint(name, error), name=error.name) from error
        return value


def __dir__() -> list[str]:
    return __all__
