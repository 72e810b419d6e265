"""`WebhookAdapter` as its specification defines it, on the engine of the service."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Final, Self

from breakwater.core.adapters.notification import NotificationAdapter, NotificationMessage, NotificationResult
from breakwater.core.adapters.payload import encode_payload
from breakwater.core.adapters.records import WebhookDelivery, delivery_record, worst
from breakwater.core.delivery.intake import NewMessage
from breakwater.core.domain.circuit import CircuitBreakerConfig
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.retry import RetryConfig
from breakwater.core.domain.states import NotificationStatus, SignatureScheme
from breakwater.core.queries.deliveries.model import DeliveryRow, MessageView
from breakwater.core.runtime import Runtime

IN_MEMORY: Final = "sqlite+aiosqlite:///:memory:"
_SETTLED: Final = frozenset(
    {
        NotificationStatus.DELIVERED,
        NotificationStatus.FAILED,
        NotificationStatus.CANCELLED,
        NotificationStatus.HELD,
    }
)

DeadLetterCallback = Callable[[WebhookDelivery], Awaitable[None] | None]
"""Called with each delivery that failed and will not be retried."""


class WebhookAdapter(NotificationAdapter):
    """Webhook notification adapter with retry logic.

    By default its records are in memory, with `database_url` they are on disk, and with the `runtime` of a running
    service they are on that service's dashboard. It starts and stops only a runtime that it created itself.
    """

    def __init__(
        self,
        retry_config: RetryConfig | None = None,
        circuit_breaker_config: CircuitBreakerConfig | None = None,
        signing_secret: str | None = None,
        default_timeout: float = 30,
        dead_letter_callback: DeadLetterCallback | None = None,
        *,
        database_url: str = IN_MEMORY,
        runtime: Runtime | None = None,
    ) -> None:
        """Create an adapter; nothing is opened before `connect`.

        Args:
            retry_config: the retry schedule of each delivery.
            circuit_breaker_config: the settings of each URL's circuit.
            signing_secret: signs requests with `X-Webhook-Signature: v1=<hex>` over `{timestamp}.{body}`. Requests are
                not signed without it.
            default_timeout: seconds for one attempt.
            dead_letter_callback: called with each delivery that failed for good; awaited if it returns an awaitable.
            database_url: where the adapter's own runtime keeps its records.
            runtime: a started runtime to use instead of an own one.

        """
        self._retry = retry_config or RetryConfig()
        self._circuit = circuit_breaker_config or CircuitBreakerConfig()
        self._secret = signing_secret
        self._timeout = default_timeout
        self._dead_letter = dead_letter_callback
        self._database_url = database_url
        self._runtime = runtime
        self._owned: Runtime | None = None
        self._starting = asyncio.Lock()

    async def connect(self) -> bool:
        """Start the adapter's own runtime, if it needs one. Raises StartRefused when its database cannot be opened."""
        async with self._starting:
            if self._runtime is None:
                owned = Runtime.library(self._database_url)
                await owned.start()
                self._runtime = self._owned = owned
        return True

    async def disconnect(self) -> None:
        """Drain attempts in flight and stop the adapter's own runtime. Pending deliveries stay pending."""
        async with self._starting:
            if self._owned is not None:
                await self._owned.stop()
                self._runtime = self._owned = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def send(self, message: NotificationMessage) -> NotificationResult:
        """Deliver to every recipient and return when each delivery is final or held by its circuit.

        Held deliveries are sent when their circuit admits them; `get_status` returns their status then.

        Raises:
            InvalidInput: there is no recipient, a URL is not allowed, or the payload is not JSON.
            StoreUnavailable: nothing was accepted.

        """
        runtime = await self._connected()
        if not message.recipients:
            raise InvalidInput.of("recipients", "is empty; name at least one URL")
        endpoint_ids = [await self._endpoint(runtime, recipient.address) for recipient in message.recipients]
        async with runtime.change_feed.subscribe(pause_seconds=0.0) as change_feed:
            accepted = await runtime.intake.accept(self._new_message(message, tuple(endpoint_ids)))
            view = await runtime.queries.messages.get(accepted.id)
            while not _is_settled(view.deliveries):
                await anext(change_feed)
                view = await runtime.queries.messages.get(accepted.id)
        await self._notify_dead_letter(runtime, view)
        return _result(view)

    async def send_batch(self, messages: Sequence[NotificationMessage]) -> list[NotificationResult]:
        """Send several messages concurrently and return their outcomes in the same order. Raises like `send`."""
        return list(await asyncio.gather(*map(self.send, messages)))

    async def get_status(self, message_id: str) -> NotificationStatus:
        """Return the current status of a message: the worst of its recipients'. Raises NotFound."""
        runtime = await self._connected()
        return _result(await runtime.queries.messages.get(message_id)).status

    async def get_delivery_details(self, message_id: str) -> list[WebhookDelivery]:
        """Return the delivery of each recipient, in the order of the recipients. Raises NotFound."""
        runtime = await self._connected()
        view = await runtime.queries.messages.get(message_id)
        details = [await runtime.queries.deliveries.get(row.id) for row in view.deliveries]
        return [delivery_record(detail) for detail in details]

    async def get_circuit_breaker_status(self, webhook_url: str) -> dict[str, Any]:
        """Return state, counts and thresholds of the circuit of `webhook_url`. Raises InvalidInput for a bad URL."""
        runtime = await self._connected()
        circuit = await runtime.queries.circuits.get(await self._endpoint(runtime, webhook_url))
        return {
            "webhook_url": circuit.webhook_url,
            "state": circuit.state.value,
            "failure_count": circuit.failure_count,
            "success_count": circuit.success_count,
            "half_open_calls": circuit.half_open_calls,
            "last_failure_time": circuit.last_failure_at,
            "opened_at": circuit.opened_at,
            "retry_at": circuit.retry_at,
            "held": circuit.backlog.value,
            **asdict(circuit.config),
        }

    async def _connected(self) -> Runtime:
        if self._runtime is None:
            await self.connect()
        if self._runtime is None:
            raise ConnectionError("the adapter was disconnected while it connected")
        return self._runtime

    async def _endpoint(self, runtime: Runtime, url: str) -> str:
        """Return the id of the ad-hoc endpoint for `url` with this adapter's settings."""
        policy = self._retry.policy()
        settings: dict[str, object] = {
            "timeout_seconds": float(self._timeout),
            "circuit": asdict(self._circuit),
            "signature": SignatureScheme.LEGACY.value,
        }
        if policy.delays:
            settings["retry"] = {"delays": list(policy.delays), "jitter": policy.jitter}
        endpoint = await runtime.adhoc_endpoints.find_or_create(
            url, owner=None, secret=self._secret, signed=self._secret is not None, **settings
        )
        return endpoint.id

    def _new_message(self, message: NotificationMessage, endpoint_ids: tuple[str, ...]) -> NewMessage:
        payload = encode_payload(message.to_payload())
        delays = self._retry.policy().delays
        return NewMessage(
            message.event_type,
            payload,
            endpoint_ids=endpoint_ids,
            repeat_endpoints=True,
            retry_delays=delays,
        )

    async def _notify_dead_letter(self, runtime: Runtime, view: MessageView) -> None:
        if self._dead_letter is None:
            return
        for row in view.deliveries:
            if row.notification_status is NotificationStatus.FAILED:
                result = self._dead_letter(delivery_record(await runtime.queries.deliveries.get(row.id)))
                if inspect.isawaitable(result):
                    await result


def _is_settled(deliveries: Sequence[DeliveryRow]) -> bool:
    return all(row.notification_status in _SETTLED for row in deliveries)


def _result(view: MessageView) -> NotificationResult:
    by_recipient: dict[str, NotificationStatus] = {}
    for row in view.deliveries:
        earlier = by_recipient.get(row.webhook_url, NotificationStatus.DELIVERED)
        by_recipient[row.webhook_url] = worst([earlier, row.notification_status])
    errors = (
        row.error for row in view.deliveries if row.notification_status is not NotificationStatus.DELIVERED
    )
    return NotificationResult(view.id, worst(list(by_recipient.values())), by_recipient, next(errors, None))
