"""Accepts messages: each is committed with its deliveries before its caller gets a response."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from breakwater.core.delivery.context import EngineContext
from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.delivery.scheduler import Slot
from breakwater.core.domain.errors import BreakwaterError, FieldProblem, InvalidInput, PayloadTooLarge
from breakwater.core.domain.lease import lease_seconds
from breakwater.core.domain.states import DeliveryState, Trigger
from breakwater.core.store.commands.accept import (
    Accepted,
    AcceptMessage,
    DeliveryRow,
    Idempotency,
    MessageRow,
)
from breakwater.core.store.commands.claim import ClaimedDelivery
from breakwater.core.store.statements import to_json

__all__ = ["IDEMPOTENCY_SECONDS", "Accepted", "Intake", "NewMessage"]

IDEMPOTENCY_SECONDS: Final = 24 * 3600.0
"""For how long a repeated idempotency key gets the first response."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message of a caller: to the named endpoints, to one URL, or to every endpoint that subscribes."""

    event_type: str
    payload: bytes
    """JSON, sent exactly as it was received."""
    endpoint_ids: tuple[str, ...] | None = None
    repeat_endpoints: bool = False
    """Whether an endpoint that is named twice gets two deliveries instead of one."""
    url: str | None = None
    idempotency_key: str | None = None
    scope: str = ""
    """The owner of the idempotency key: two callers may use the same one."""
    sender: str | None = None
    """The sender that an endpoint created for `url` counts for; None is not limited."""
    fingerprint: str = ""
    """SHA-256 of the request that the key stands for."""
    retry_delays: tuple[float, ...] | None = None
    """Seconds before each retry, instead of the endpoint's own schedule."""


class AdhocEndpointFinder(Protocol):
    """Finds the endpoint of a URL, or creates it."""

    async def find_or_create(self, url: str, *, owner: str | None = None) -> DeliveryTarget:
        """Return the endpoint. Raises TargetRefused and InvalidInput, which name `url`, and StoreUnavailable."""
        ...


class Intake:
    """Accepts messages. An accepted message survives any crash."""

    def __init__(
        self, context: EngineContext, *, adhoc: AdhocEndpointFinder, node_id: str, payload_cap: int
    ) -> None:
        self._database = context.database
        self._endpoint_cache = context.endpoint_cache
        self._dispatcher = context.dispatcher
        self._clock = context.clock
        self._ids = context.ids
        self._change_feed = context.change_feed
        self._adhoc = adhoc
        self._node_id = node_id
        self._payload_cap = payload_cap

    async def accept(self, message: NewMessage) -> Accepted:
        """Store the message and its deliveries in one transaction, and return after the commit.

        A delivery whose lane has room is stored as claimed, and sent right after the commit. A caller that is cancelled
        does not change that.

        Raises:
            InvalidInput: a field is not valid; nothing is stored.
            IdempotencyMismatch: the key was used for another request; nothing is stored.
            StoreUnavailable: the database is unavailable; nothing is stored.

        """
        if len(message.payload) > self._payload_cap:
            raise _too_large(len(message.payload), self._payload_cap)
        return await self._store(message, await self._resolve_endpoints(message))

    async def accept_many(self, messages: Sequence[NewMessage]) -> list[Accepted | BreakwaterError]:
        """Accept each message by itself, in shared transactions; return results and errors in their order."""
        results = await asyncio.gather(*map(self.accept, messages), return_exceptions=True)
        return [_accepted_or_error(result) for result in results]

    async def _resolve_endpoints(self, message: NewMessage) -> list[DeliveryTarget]:
        if message.endpoint_ids is not None:
            endpoints = self._by_id(message.endpoint_ids)
            if message.repeat_endpoints:
                return endpoints
            return list({endpoint.id: endpoint for endpoint in endpoints}.values())
        if message.url is not None:
            return [await self._adhoc.find_or_create(message.url, owner=message.sender)]
        return self._endpoint_cache.subscribers(message.event_type)

    def _by_id(self, endpoint_ids: Sequence[str]) -> list[DeliveryTarget]:
        endpoints = [self._endpoint_cache.get(endpoint_id) for endpoint_id in endpoint_ids]
        if problems := [
            FieldProblem(
                f"endpoint_ids.{position}",
                f"there is no endpoint {endpoint_ids[position]}; GET /api/v1/endpoints lists them",
            )
            for position, endpoint in enumerate(endpoints)
            if endpoint is None
        ]:
            raise InvalidInput(problems)
        return [endpoint for endpoint in endpoints if endpoint is not None]

    async def _store(self, message: NewMessage, endpoints: Sequence[DeliveryTarget]) -> Accepted:
        now = self._clock.now()
        message_id = self._ids.make("msg")
        token = self._ids.make("clm")
        slots = [self._dispatcher.reserve(endpoint.id) for endpoint in endpoints]
        try:
            rows = [
                self._delivery_row(message, message_id, endpoint, now, token if slot else None)
                for endpoint, slot in zip(endpoints, slots, strict=True)
            ]
            command = AcceptMessage(
                message=_message_row(message, message_id, len(rows), now),
                deliveries=rows,
                idempotency=_idempotency(message, now),
                now=now,
            )
            return await self._database.writer.submit(
                command, on_commit=partial(self._on_commit, message, rows, slots)
            )
        except BaseException:
            # Of a cancelled caller too. If its message is committed after all, the dispatcher takes slots again.
            _release(slots)
            raise

    def _on_commit(
        self,
        message: NewMessage,
        rows: Sequence[DeliveryRow],
        slots: list[Slot | None],
        accepted: Accepted,
    ) -> None:
        """Hand the deliveries over to the dispatcher, with their slots."""
        if accepted.replayed:
            _release(slots)
            return
        self._dispatcher.counters.messages += 1
        for row, slot in zip(rows, slots, strict=True):
            if slot is None or row.claim_token is None or row.lease_until is None:
                self._dispatcher.note_due(row.endpoint_id)
            else:
                claim = _claim(message, row, row.claim_token, row.lease_until, slot.generation)
                self._dispatcher.start(slot, claim)
            self._change_feed.publish("deliveries", row.id)
        slots.clear()

    def _delivery_row(
        self, message: NewMessage, message_id: str, endpoint: DeliveryTarget, now: float, token: str | None
    ) -> DeliveryRow:
        claimed = token is not None
        return DeliveryRow(
            id=self._ids.make("dlv"),
            message_id=message_id,
            endpoint_id=endpoint.id,
            event_type=message.event_type,
            state=(DeliveryState.IN_FLIGHT if claimed else DeliveryState.PENDING).value,
            next_attempt_at=now,
            trigger=Trigger.SCHEDULE.value,
            attempt_count=0,
            budget_spent=0,
            lost_count=0,
            failure_class=None,
            status_code=None,
            error=None,
            claim_token=token,
            claimed_by=self._node_id if claimed else None,
            lease_until=now + lease_seconds(endpoint.timeout) if claimed else None,
            retry_delays=None if message.retry_delays is None else to_json(message.retry_delays),
            created_at=now,
            finished_at=None,
        )


def _release(slots: Sequence[Slot | None]) -> None:
    for slot in slots:
        if slot is not None:
            slot.release()


def _message_row(message: NewMessage, message_id: str, count: int, now: float) -> MessageRow:
    return MessageRow(message_id, message.event_type, message.payload, count, message.idempotency_key, now)


def _idempotency(message: NewMessage, now: float) -> Idempotency | None:
    if message.idempotency_key is None:
        return None
    expires_at = now + IDEMPOTENCY_SECONDS
    return Idempotency(message.scope, message.idempotency_key, message.fingerprint, expires_at)


def _claim(
    message: NewMessage, row: DeliveryRow, token: str, lease_until: float, generation: int
) -> ClaimedDelivery:
    return ClaimedDelivery(
        delivery_id=row.id,
        message_id=row.message_id,
        endpoint_id=row.endpoint_id,
        event_type=row.event_type,
        payload=message.payload,
        token=token,
        lease_until=lease_until,
        number=1,
        spent=0,
        trigger=Trigger.SCHEDULE,
        generation=generation,
        retry_delays=message.retry_delays,
    )


def _too_large(size: int, cap: int) -> PayloadTooLarge:
    return PayloadTooLarge.of(
        "payload", f"has {size:,} bytes, and at most {cap:,} are accepted; send a link to what is larger"
    )


def _accepted_or_error(result: Accepted | BaseException) -> Accepted | BreakwaterError:
    if isinstance(result, Accepted | BreakwaterError):
        return result
    raise result
