"""`WebhookAdapter` with the methods of its specification, on the engine of the service."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from breakwater.core.adapters.notification import NotificationAdapter, NotificationMessage, NotificationResult
from breakwater.core.adapters.records import WebhookDelivery, delivery_record, status_of, worst
from breakwater.core.delivery.intake import NewMessage
from breakwater.core.domain.circuit import CircuitBreakerConfig
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.retry import RetryConfig
from breakwater.core.domain.states import NotificationStatus, SignatureScheme
from breakwater.core.queries.models import DeliveryRow, MessageView
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
"""Told of each delivery that failed for good."""


class WebhookAdapter(NotificationAdapter):
    """Webhook notification adapter with retry logic.

    Alone it keeps its records in memory; with `database_url` on disk; with the `runtime` of a running service its
    deliveries are on that service's dashboard. It owns, starts and stops only a runtime of its own.
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
        """Take the settings; nothing is opened before `connect`.

        Args:
            retry_config: the schedule of each delivery.
            circuit_breaker_config: of each URL's circuit.
            signing_secret: signs as `X-Webhook-Signature: v1=<hex>` over `{timestamp}.{body}`; None does not.
            default_timeout: seconds for one attempt.
            dead_letter_callback: called, and awaited where it is a coroutine, with each delivery that failed.
            database_url: where a runtime of its own keeps its records.
            runtime: a started runtime to use instead.

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
        """Start the runtime, unless one was given. Raises StartRefused when its database cannot be opened."""
        async with self._starting:
            if self._runtime is None:
                owned = Runtime.library(self._database_url)
                await owned.start()
                self._runtime = self._owned = owned
        return True

    async def disconnect(self) -> None:
        """Let attempts under way end and stop a runtime of its own. What is not final goes on at the next connect."""
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
        """Deliver to every recipient and return when each delivery is final, or held by its circuit.

        What is held is not lost: it goes out when the circuit admits it, and `get_status` tells.

        Raises:
            InvalidInput: there is no recipient, a URL may not be called, or the payload is no JSON.
            StoreUnavailable: nothing was accepted.

        """
        runtime = await self._connected()
        if not message.recipients:
            raise InvalidInput.of("recipients", "is empty; name at least one URL")
        endpoint_ids = [await self._endpoint(runtime, one.address) for one in message.recipients]
        async with runtime.change_feed.subscribe(pause_seconds=0.0) as change_feed:
            accepted = await runtime.intake.accept(self._new_message(message, tuple(endpoint_ids)))
            view = await runtime.queries.message(accepted.id)
            while not _is_settled(view.deliveries):
                await anext(change_feed)
                view = await runtime.queries.message(accepted.id)
        await self._notify_dead_letter(runtime, view)
        return _result(view)

    async def send_batch(self, messages: Sequence[NotificationMessage]) -> list[NotificationResult]:
        """Send several messages at once; results come in their order, errors as from `send`."""
        return list(await asyncio.gather(*map(self.send, messages)))

    async def get_status(self, message_id: str) -> NotificationStatus:
        """Return how a message stands now: the worst of its recipients. Raises NotFound."""
        runtime = await self._connected()
        return _result(await runtime.queries.message(message_id)).status

    async def get_delivery_details(self, message_id: str) -> list[WebhookDelivery]:
        """Return the record of each recipient's delivery, in the recipients' order. Raises NotFound."""
        runtime = await self._connected()
        view = await runtime.queries.message(message_id)
        details = [await runtime.queries.delivery(row.id) for row in view.deliveries]
        return [delivery_record(detail) for detail in details]

    async def get_circuit_breaker_status(self, webhook_url: str) -> dict[str, Any]:
        """Return state, counts and thresholds of the circuit of `webhook_url`. Raises InvalidInput for a bad URL."""
        runtime = await self._connected()
        circuit = await runtime.queries.circuit(await self._endpoint(runtime, webhook_url))
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
            raise ConnectionError("the adapter was disconnected meanwhile")
        return self._runtime

    async def _endpoint(self, runtime: Runtime, url: str) -> str:
        """Return the endpoint that stands for `url` with this adapter's settings."""
        policy = self._retry.policy()
        settings: dict[str, object] = {
            "timeout_seconds": float(self._timeout),
            "circuit": asdict(self._circuit),
            "signature": SignatureScheme.LEGACY.value,
        }
        if policy.delays:
            settings["retry"] = {"delays": list(policy.delays), "jitter": policy.jitter}
        return await runtime.endpoints.adhoc(
            url, secret=self._secret, signed=self._secret is not None, **settings
        )

    def _new_message(self, message: NotificationMessage, endpoint_ids: tuple[str, ...]) -> NewMessage:
        try:
            payload = msgspec.json.encode(message.to_payload())
        except (TypeError, ValueError) as error:
            raise InvalidInput.of(
                "payload", f"cannot be written as JSON ({error}); give JSON values"
            ) from error
        delays = self._retry.policy().delays
        return NewMessage(message.event_type, payload, endpoint_ids=endpoint_ids, retry_delays=delays)

    async def _notify_dead_letter(self, runtime: Runtime, view: MessageView) -> None:
        if self._dead_letter is None:
            return
        for row in view.deliveries:
            if status_of(row) is NotificationStatus.FAILED:
                told = self._dead_letter(delivery_record(await runtime.queries.delivery(row.id)))
                if inspect.isawaitable(told):
                    await told


def _is_settled(deliveries: Sequence[DeliveryRow]) -> bool:
    return all(status_of(row) in _SETTLED for row in deliveries)


def _result(view: MessageView) -> NotificationResult:
    by_recipient: dict[str, NotificationStatus] = {}
    for row in view.deliveries:
        earlier = by_recipient.get(row.webhook_url, NotificationStatus.DELIVERED)
        by_recipient[row.webhook_url] = worst([earlier, status_of(row)])
    unhappy = (row.error for row in view.deliveries if status_of(row) is not NotificationStatus.DELIVERED)
    return NotificationResult(view.id, worst(list(by_recipient.values())), by_recipient, next(unhappy, None))
