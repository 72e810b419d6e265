"""Rate limits per caller: a person or an API key.

The response headers are those of draft-ietf-httpapi-ratelimit-headers (version 10). Every response has the constant
`RateLimit-Policy`. `RateLimit`, which is formatted for each response, comes when at most half of the quota is left.
"""

from math import ceil
from typing import Any, Final

from breakwater.core.accounts.request_limit import WINDOW_SECONDS, RequestLimit
from breakwater.core.runtime import Runtime
from breakwater.core.settings import Settings

LARGEST_BATCH: Final = 1_000
RATE_LIMIT_HEADERS: Final = "rate_limit_headers"
"""The key in the ASGI scope under which the middleware finds the headers of the response."""
_MESSAGES_PATH: Final = "/api/v1/messages"


class RateLimit:
    """A named limit, applied to requests."""

    def __init__(self, name: str, limit: RequestLimit | None) -> None:
        self._limit = limit
        quota = 0 if limit is None else limit.quota
        self._policy = (b"ratelimit-policy", f'"{name}";q={quota};w={WINDOW_SECONDS}'.encode())
        self._policy_only = (self._policy,)
        self._half = quota // 2
        self._format = f'"{name}";r=%d;t=%d'.encode()

    def apply(self, scope: Any, caller: str, count: int = 1) -> None:
        """Count a request, and set the headers of its response. Raises RateLimited."""
        limit = self._limit
        if limit is None or count < 1:
            return
        allowance = limit.take(caller, count)
        if allowance.remaining > self._half:
            scope[RATE_LIMIT_HEADERS] = self._policy_only
        else:
            state = self._format % (allowance.remaining, ceil(allowance.full_in))
            scope[RATE_LIMIT_HEADERS] = (self._policy, (b"ratelimit", state))
        if not allowance.allowed:
            raise limit.refusal(allowance)


class RateLimits:
    """The limits of the service: messages have their own, because programs send many."""

    def __init__(self, runtime: Runtime, settings: Settings) -> None:
        self.messages = _rate_limit(runtime, "messages", settings.messages_per_second)
        self._requests = _rate_limit(runtime, "requests", settings.requests_per_second)

    def limit_for(self, method: str, path: str) -> RateLimit:
        """Return the limit for a request."""
        is_message = method == "POST" and path.startswith(_MESSAGES_PATH)
        return self.messages if is_message else self._requests


def _rate_limit(runtime: Runtime, name: str, per_second: float) -> RateLimit:
    limit = RequestLimit(runtime.clock, per_second, largest=LARGEST_BATCH) if per_second else None
    return RateLimit(name, limit)
