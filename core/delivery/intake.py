"""Messages come in: written with their deliveries and answered only after the commit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from breakwater.core.delivery.context import EngineContext
from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.domain.errors import BreakwaterError, FieldProblem, InvalidInput, PayloadTooLarge
from breakwater.core.domain.states import DeliveryState, Trigger
from breakwater.core.store.commands.accept import AcceptMessage, Idempotency, Stored
from breakwater.core.store.commands.claim import ClaimedDelivery

IDEMPOTENCY_SECONDS: Final = 24 * 3600.0
"""How long a key answers for its request."""
NO_ENDPOINT: Final = "No endpoint subscribes to this event type: the message is kept, and goes nowhere."


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What a caller hands in: to the named endpoints, to one URL, or to every endpoint that subscribes."""

    event_type: str
    payload: bytes
    """JSON, sent on exactly as it came."""
    endpoint_ids: tuple[str, ...] | None = None
    url: str | None = None
    idempotency_key: str | None = None
    scope: str = ""
    """Whose idempotency key it is: two callers may use the same word."""
    fingerprint: str = ""
    """SHA-256 of the request that the key stands for."""
    retry_delays: tuple[float, ...] | None = None
    """Seconds before each retry, in place of the endpoints' own schedules."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was committed."""

    id: str
    deliveries: tuple[tuple[str, str], ...]
    """Delivery id and endpoint id."""
    replayed: bool = False
    """The key was known: this is the first answer again."""
    note: str | None = None


class AdhocEndpoints(Protocol):
    """Finds or makes the endpoint that stands for a bare URL."""

    async def adhoc(self, url: str) -> str:
        """Return its id. Raises TargetRefused."""
        ...


class Intake:
    """Accepts messages. What it has answered survives any crash."""

    def __init__(
        self, context: EngineContext, *, adhoc: AdhocEndpoints, node_id: str, payload_cap: int
    ) -> None:
        self._database = context.database
        self._directory = context.endpoint_cache
        self._dispatcher = context.dispatcher
        self._clock = context.clock
        self._ids = context.ids
        self._change_feed = context.change_feed
        self._adhoc = adhoc
        self._node_id = node_id
        self._payload_cap = payload_cap

    async def accept(self, message: NewMessage) -> Accepted:
        """Store the message and its deliveries in one transaction, and return after the commit.

        Raises:
            InvalidInput: a field is wrong; nothing is stored.
            IdempotencyMismatch: the key stands for another request.
            StoreUnavailable: the database cannot take it now; nothing is stored.

        """
        if len(message.payload) > self._payload_cap:
            raise _too_large(len(message.payload), self._payload_cap)
        return await self._store(message, await self._resolve_endpoints(message))

    async def accept_many(self, messages: Sequence[NewMessage]) -> list[Accepted | BreakwaterError]:
        """Accept each message on its own, in shared transactions; return results and errors in their order."""
        results = await asyncio.gather(*map(self.accept, messages), return_exceptions=True)
        return [_told(result) for result in results]

    async def _resolve_endpoints(self, message: NewMessage) -> list[DeliveryTarget]:
        if message.endpoint_ids is not None:
            return self._named(message.endpoint_ids)
        if message.url is not None:
            return self._named((await self._adhoc.adhoc(message.url),))
        return self._directory.subscribers(message.event_type)

    def _named(self, endpoint_ids: Sequence[str]) -> list[DeliveryTarget]:
        found = [self._directory.get(endpoint_id) for endpoint_id in endpoint_ids]
        if problems := [
            FieldProblem(
                f"endpoint_ids.{position}",
                f"there is no endpoint {endpoint_ids[position]}; GET /api/v1/endpoints lists them",
            )
            for position, endpoint in enumerate(found)
            if endpoint is None
        ]:
            raise InvalidInput(problems)
        return [endpoint for endpoint in found if endpoint is not None]

    async def _store(self, message: NewMessage, endpoints: Sequence[DeliveryTarget]) -> Accepted:
        now = self._clock.now()
        message_id = self._ids.make("msg")
        generations = [self._dispatcher.reserve(d.id) for d in endpoints]
        token = self._ids.make("clm")
        rows = [
            self._delivery(message, message_id, d, now, None if generation is None else token)
            for d, generation in zip(endpoints, generations, strict=True)
        ]
        try:
            stored = await self._database.writer.submit(
                AcceptMessage(
                    message=_message_row(message, message_id, len(rows), now),
                    deliveries=rows,
                    idempotency=_idempotency(message, now),
                    now=now,
                )
            )
        except BaseException:
            # Cancelled callers too: whether their message was stored is not known here, and then its claims are
            # found by the sweeper when the lease ends.
            self._cancel(endpoints, generations)
            raise
        if stored.replayed:
            self._cancel(endpoints, generations)
        else:
            self._hand_over(message, rows, generations)
        return _accepted(stored)

    def _cancel(self, endpoints: Sequence[DeliveryTarget], generations: Sequence[int | None]) -> None:
        for endpoint, generation in zip(endpoints, generations, strict=True):
            if generation is not None:
                self._dispatcher.cancel_reservation(endpoint.id)

    def _hand_over(
        self, message: NewMessage, rows: Sequence[dict[str, Any]], generations: Sequence[int | None]
    ) -> None:
        for row, generation in zip(rows, generations, strict=True):
            if generation is None:
                self._dispatcher.note_due(row["endpoint_id"])
            else:
                self._dispatcher.start(_work(message, row, generation))
            self._change_feed.publish("deliveries", row["id"])

    def _delivery(
        self, message: NewMessage, message_id: str, endpoint: DeliveryTarget, now: float, token: str | None
    ) -> dict[str, Any]:
        claimed = token is not None
        lease_until = now + self._dispatcher.lease_for(endpoint) if claimed else None
        return {
            "id": self._ids.make("dlv"),
            "message_id": message_id,
            "endpoint_id": endpoint.id,
            "event_type": message.event_type,
            "state": (DeliveryState.IN_FLIGHT if claimed else DeliveryState.PENDING).value,
            "next_attempt_at": now,
            "trigger": Trigger.SCHEDULE.value,
            "attempt_count": 0,
            "budget_spent": 0,
            "lost_count": 0,
            "claim_token": token,
            "claimed_by": self._node_id if claimed else None,
            "lease_until": lease_until,
            "retry_delays": None if message.retry_delays is None else list(message.retry_delays),
            "created_at": now,
        }


def _message_row(message: NewMessage, message_id: str, count: int, now: float) -> dict[str, Any]:
    return {
        "id": message_id,
        "event_type": message.event_type,
        "payload": message.payload,
        "delivery_count": count,
        "idempotency_key": message.idempotency_key,
        "created_at": now,
    }


def _idempotency(message: NewMessage, now: float) -> Idempotency | None:
    if message.idempotency_key is None:
        return None
    expires_at = now + IDEMPOTENCY_SECONDS
    return Idempotency(message.scope, message.idempotency_key, message.fingerprint, expires_at)


def _work(message: NewMessage, row: dict[str, Any], generation: int) -> ClaimedDelivery:
    return ClaimedDelivery(
        delivery_id=row["id"],
        message_id=row["message_id"],
        endpoint_id=row["endpoint_id"],
        event_type=row["event_type"],
        payload=message.payload,
        token=row["claim_token"],
        number=1,
        spent=0,
        trigger=Trigger.SCHEDULE,
        generation=generation,
        retry_delays=message.retry_delays,
    )


def _accepted(stored: Stored) -> Accepted:
    note = None if stored.deliveries else NO_ENDPOINT
    return Accepted(stored.message_id, stored.deliveries, stored.replayed, note)


def _too_large(size: int, cap: int) -> PayloadTooLarge:
    return PayloadTooLarge.of(
        "payload", f"has {size:,} bytes, and at most {cap:,} are accepted; send a link to what is larger"
    )


def _told(result: Accepted | BaseException) -> Accepted | BreakwaterError:
    if isinstance(result, Accepted | BreakwaterError):
        return result
    raise result
