"""`WebhookDeliveryService` as its specification defines it: one call sends one webhook, without a database."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Final, Self

import structlog

from breakwater.core.adapters.payload import encode_payload
from breakwater.core.clock import SystemClock
from breakwater.core.delivery.attempt import AttemptResult, attempt
from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.domain.circuit import CircuitBreakerConfig
from breakwater.core.domain.errors import InvalidInput, TargetRefused
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.retry import RetryPolicy
from breakwater.core.domain.states import EndpointState, FailureClass, SignatureScheme
from breakwater.core.domain.target import AllowedNetworks, parse_target, safe_url
from breakwater.core.domain.verdict import classify
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.httpx.sender import HttpxSender
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock, Sender
from breakwater.core.settings import Settings
from breakwater.core.text.outcomes import describe_outcome

log = structlog.get_logger("breakwater.webhook_delivery_service")

_NOT_RETRIED: Final = frozenset(
    {
        FailureClass.REDIRECT,
        FailureClass.GONE,
        FailureClass.CLIENT_TIMEOUT,
        FailureClass.CLIENT_ERROR,
        FailureClass.BLOCKED,
    }
)


_SHORTAGE_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0)
"""Seconds between tries of one attempt that a local shortage prevents; after the last one the attempt has failed."""


class WebhookDeliveryService:
    """Delivers webhooks with retries and structured logging."""

    TIMEOUT_SECONDS: ClassVar[float] = 10.0
    MAX_RETRIES: ClassVar[int] = 3
    """Attempts in total, including the first. The name is the specification's."""
    RETRY_DELAYS: ClassVar[Sequence[float]] = (1.0, 2.0, 4.0)

    def __init__(
        self,
        *,
        timeout_seconds: float | None = None,
        max_retries: int | None = None,
        retry_delays: Sequence[float] | None = None,
        allowed_networks: Sequence[str] | None = None,
        sender: Sender | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Create a service; each argument defaults to the value of the class.

        Args:
            timeout_seconds: deadline of one whole attempt.
            max_retries: attempts in total, at least one.
            retry_delays: seconds between attempts; the last value repeats.
            allowed_networks: networks to allow although they are not public (`CIDR` or `CIDR:port`). Defaults to
                `BREAKWATER_ALLOWED_NETWORKS` and `BREAKWATER_ALLOWED_HOST_NAMES`.
            sender: replaces the HTTP client.
            clock: replaces the system's clock.

        Raises:
            InvalidInput: a number is out of its bounds.

        """
        self._allowed = (
            _allowed_by_environment() if allowed_networks is None else AllowedNetworks.parse(allowed_networks)
        )
        self._timeout = self.TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
        self._delays = _delays(
            self.MAX_RETRIES if max_retries is None else max_retries,
            self.RETRY_DELAYS if retry_delays is None else retry_delays,
        )
        self._clock: Clock = clock or SystemClock()
        self._ids = Ids(self._clock)
        self._sender: Sender = sender or HttpxSender(Guard(self._allowed))

    async def deliver(self, url: str, payload: Mapping[str, Any]) -> bool:
        """Deliver webhook with retry logic: POST `payload` as JSON, again after a 5xx or when there is no response.

        Returns True on a 2xx. Returns False on any 4xx, on a redirect (never followed), on a blocked URL, and when
        every attempt failed. Never raises for what a receiver or a network does.

        Raises:
            PayloadNotJson: the payload has a value that JSON does not have, such as NaN. It is a TypeError and a
                ValueError.

        """
        endpoint = self._delivery_target(url)
        webhook_id = self._ids.make("msg")
        body = encode_payload(payload)
        for number, pause in enumerate((*self._delays, None), start=1):
            result = await self._attempt(endpoint, webhook_id, body)
            failure = classify(result.outcome)
            retried = failure is not None and not _is_final(result, failure) and pause is not None
            retry_in = pause if retried else None
            _log(result, failure, retry_in, url=safe_url(url), webhook_id=webhook_id, attempt=number)
            if not retried or pause is None:
                return failure is None
            await self._clock.sleep(pause)
        return False

    async def _attempt(self, endpoint: DeliveryTarget, webhook_id: str, body: bytes) -> AttemptResult:
        """Make one attempt. While this machine cannot make it, wait and try again: that spends no retry."""
        pauses = iter(_SHORTAGE_PAUSES)
        while True:
            result = await attempt(
                endpoint,
                webhook_id=webhook_id,
                event_type=None,  # the specification's `deliver` has none
                body=body,
                sender=self._sender,
                clock=self._clock,
            )
            pause = next(pauses, None)
            if pause is None or classify(result.outcome) is not FailureClass.LOCAL_SHORTAGE:
                return result
            log.warning("webhook.postponed", webhook_id=webhook_id, reason=describe_outcome(result.outcome))
            await self._clock.sleep(pause)

    async def close(self) -> None:
        """Close every connection."""
        await self._sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _delivery_target(self, url: str) -> DeliveryTarget:
        try:
            target, refusal = parse_target(url, self._allowed), None
        except TargetRefused as refused:
            target, refusal = None, str(refused)
        return DeliveryTarget(
            id="",
            target=target,
            refusal=refusal,
            subscribes_to=None,
            state=EndpointState.ENABLED,
            timeout=self._timeout,
            policy=RetryPolicy(self._delays, jitter=0.0),
            circuit=CircuitBreakerConfig(),
            max_in_flight=1,
            rate_limit=None,
            headers=(),
            public_headers=frozenset(),
            signature=SignatureScheme.STANDARD,
            secrets=(),
            old_secret_until=None,
            throttled_until=None,
        )


def _allowed_by_environment() -> AllowedNetworks:
    settings = Settings()
    return AllowedNetworks.parse(settings.allowed_networks).with_host_names(settings.allowed_host_names)


def _delays(attempts: int, delays: Sequence[float]) -> tuple[float, ...]:
    if attempts < 1:
        raise InvalidInput.of("max_retries", "counts the first attempt too, so it must be at least 1")
    if attempts > 1 and not delays:
        raise InvalidInput.of("retry_delays", "is empty; give the seconds between attempts")
    repeated = tuple(delays[min(step, len(delays) - 1)] for step in range(attempts - 1))
    return RetryPolicy(repeated, jitter=0.0).delays


def _is_final(result: AttemptResult, failure: FailureClass) -> bool:
    """Return whether the failure is final. The specification retries no 4xx, not even 408, 425 and 429."""
    client_error = isinstance(result.outcome, Response) and 400 <= result.outcome.status < 500  # noqa: PLR2004 - the 4xx
    return client_error or failure in _NOT_RETRIED


def _log(
    result: AttemptResult, failure: FailureClass | None, pause: float | None, **identity: object
) -> None:
    log.info(
        "webhook.attempted",
        **identity,
        status_code=result.outcome.status if isinstance(result.outcome, Response) else None,
        failure_class=failure.value if failure else None,
        error=describe_outcome(result.outcome) if failure else None,
        duration_ms=result.duration_ms,
        success=failure is None,
        retry_in_seconds=pause,
    )
