"""Resend and cancel deliveries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import RowMapping, Update, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.circuit import CircuitBreaker, CircuitState
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.domain.states import DeliveryState, EndpointState, Trigger, states_that_may_become
from breakwater.core.operations.result import OperationResult
from breakwater.core.store.circuits import breaker_for_update, circuit_config, save_breaker
from breakwater.core.store.commands.pending import next_due
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS
from breakwater.core.text.format import format_actor, format_time_utc, pluralize, sanitize

MAX_BULK_RESEND: Final = 200
"""Deliveries that are resent by their ids in one transaction. A replay resends more, by a filter and rate-limited."""
_JUST_BEFORE: Final = 0.001
"""Seconds by which a delivery that is sent now precedes the oldest one of its endpoint."""
_RESENDABLE: Final = states_that_may_become(DeliveryState.PENDING) - {DeliveryState.IN_FLIGHT} | {
    DeliveryState.PENDING
}


@dataclass(frozen=True, slots=True)
class _Resent:
    """The deliveries that a transaction made pending again, and what to say about it."""

    delivery_ids: tuple[str, ...]
    endpoint_ids: frozenset[str]
    result: OperationResult


class DeliveryOperations:
    """The operations on deliveries, by their ids."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def resend(
        self, delivery_id: str, *, actor: str, reason: str | None = None, now: bool = False
    ) -> OperationResult:
        """Send a delivery again. Its attempts are numbered on, and its retry schedule restarts.

        With `now` an open circuit becomes half-open for it, and it is sent first, as a probe. A delivery that waits for
        its retry is sent immediately. Raises Conflict while an attempt is in flight, or with `now` against a hold.
        """

        async def resend(connection: AsyncConnection) -> _Resent:
            row = await _delivery_row(connection, delivery_id)
            if row["state"] not in _RESENDABLE:
                raise Conflict("An attempt is in flight. Wait for its result, then resend.")
            breaker = await breaker_for_update(connection, row["endpoint_id"], circuit_config(row["circuit"]))
            probing = now and breaker.state is not CircuitState.CLOSED
            at = self._context.clock.now()
            due = await self._queue_first(connection, row, breaker, actor) if probing else at
            await connection.execute(_make_pending([delivery_id], due, probing=probing))
            result = OperationResult(_resend_message(row, breaker, at, probing=probing))
            detail = {"state_before": row["state"], "attempts_before": row["attempt_count"], "now": now}
            entry = AuditEntry(actor, "delivery.resend", delivery_id, result.message, reason, detail=detail)
            await self._context.audit_log.write(connection, entry)
            return _Resent((delivery_id,), frozenset({row["endpoint_id"]}), result)

        resent = await self._context.database.writer.run(resend, on_commit=self._on_resent)
        await self._context.endpoint_changes.wait_until_read(resent.endpoint_ids)
        return resent.result

    async def _queue_first(
        self, connection: AsyncConnection, row: RowMapping, breaker: CircuitBreaker, actor: str
    ) -> float:
        """Half-open the circuit for this delivery and return a due time before all others of its endpoint."""
        if breaker.hold is not None:
            raise Conflict(
                f"{format_actor(breaker.hold.by)} holds the circuit: {breaker.hold.reason}. Release it first."
            )
        at = self._context.clock.now()
        breaker.probe(now=at, cause=f"probe by {format_actor(actor)}")
        await save_breaker(
            connection,
            row["endpoint_id"],
            breaker,
            at,
            self._context.ids.make,
            actor=actor,
            delivery_id=row["id"],
        )
        oldest = await connection.run_sync(next_due, row["endpoint_id"])
        return at if oldest is None else min(at, oldest - _JUST_BEFORE)

    async def resend_many(
        self, delivery_ids: Collection[str], *, actor: str, reason: str | None = None
    ) -> OperationResult:
        """Resend several deliveries (200 at most) in one transaction, with one audit entry that names them.

        Deliveries that cannot be resent are skipped and counted: in flight, of a deleted endpoint, or unknown. Raises
        InvalidInput for no id or too many, and Conflict when none can be resent.
        """
        ids = sorted(set(delivery_ids))
        if not 1 <= len(ids) <= MAX_BULK_RESEND:
            raise InvalidInput.of(
                "ids", f"needs 1 to {MAX_BULK_RESEND} deliveries; use a replay to resend more"
            )

        async def resend(connection: AsyncConnection) -> _Resent:
            return await self._resend_rows(connection, ids, actor, reason)

        resent = await self._context.database.writer.run(resend, on_commit=self._on_resent)
        await self._context.endpoint_changes.wait_until_read(resent.endpoint_ids)
        return resent.result

    async def _resend_rows(
        self, connection: AsyncConnection, ids: Sequence[str], actor: str, reason: str | None
    ) -> _Resent:
        rows = await _resendable_rows(connection, ids)
        if not rows:
            raise Conflict("None of these deliveries can be resent: they are in flight or no longer stored.")
        at = self._context.clock.now()
        holding = await _holding_endpoints(connection, rows, at)
        resent_ids = tuple(row["id"] for row in rows)
        await connection.execute(_make_pending(resent_ids, at, probing=False))
        held = sum(row["endpoint_id"] in holding for row in rows)
        result = OperationResult(_bulk_message(len(resent_ids), held, len(ids)), len(resent_ids))
        entry = AuditEntry(
            actor,
            "delivery.resend_many",
            "deliveries",
            result.message,
            reason,
            affected=result.affected,
            detail={"ids": list(resent_ids)},
        )
        await self._context.audit_log.write(connection, entry)
        return _Resent(resent_ids, frozenset(row["endpoint_id"] for row in rows), result)

    def _on_resent(self, resent: _Resent) -> None:
        for endpoint_id in resent.endpoint_ids:
            self._context.dispatcher.note_due(endpoint_id, 0.0)
        self._context.endpoint_changes.mark_outdated(resent.endpoint_ids)
        self._publish(resent.delivery_ids)

    async def cancel(self, delivery_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """Cancel a pending delivery. It can be resent. Raises Conflict when it is in flight or final."""

        async def cancel(connection: AsyncConnection) -> OperationResult:
            row = await _delivery_row(connection, delivery_id)
            if row["state"] not in states_that_may_become(DeliveryState.CANCELLED):
                raise Conflict(_why_not_cancellable(row))
            values = {"state": DeliveryState.CANCELLED.value, "next_attempt_at": None}
            await connection.execute(
                update(DELIVERIES)
                .where(DELIVERIES.c.id == delivery_id)
                .values(**values, finished_at=self._context.clock.now())
            )
            result = OperationResult("Cancelled. No further attempts unless you resend it.")
            entry = AuditEntry(actor, "delivery.cancel", delivery_id, result.message, reason)
            await self._context.audit_log.write(connection, entry)
            return result

        return await self._context.database.writer.run(
            cancel, on_commit=lambda _result: self._publish([delivery_id])
        )

    def _publish(self, delivery_ids: Collection[str]) -> None:
        for delivery_id in delivery_ids:
            self._context.change_feed.publish("deliveries", delivery_id)
            self._context.change_feed.publish("audit", delivery_id)


_WITH_ENDPOINT: Final = (
    select(
        DELIVERIES,
        ENDPOINTS.c.state.label("endpoint_state"),
        ENDPOINTS.c.name.label("endpoint_name"),
        ENDPOINTS.c.circuit,
        ENDPOINTS.c.deleted_at,
    )
    .join(ENDPOINTS, ENDPOINTS.c.id == DELIVERIES.c.endpoint_id)
    .with_for_update(of=DELIVERIES)
)


async def _delivery_row(connection: AsyncConnection, delivery_id: str) -> RowMapping:
    statement = _WITH_ENDPOINT.where(DELIVERIES.c.id == delivery_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound("delivery", delivery_id)
    if row["deleted_at"] is not None:
        raise Conflict("Its endpoint was deleted. Send the message to another endpoint.")
    return row


async def _resendable_rows(connection: AsyncConnection, ids: Sequence[str]) -> Sequence[RowMapping]:
    """Return the rows that can be resent now, locked in the order of their ids, so that callers never deadlock."""
    statement = _WITH_ENDPOINT.where(
        DELIVERIES.c.id.in_(ids), DELIVERIES.c.state.in_(_RESENDABLE), ENDPOINTS.c.deleted_at.is_(None)
    )
    return (await connection.execute(statement.order_by(DELIVERIES.c.id))).mappings().all()


async def _holding_endpoints(
    connection: AsyncConnection, rows: Sequence[RowMapping], now: float
) -> frozenset[str]:
    """Return the endpoints of `rows` that hold their deliveries: not enabled, or not admitted by the circuit."""
    holding = set()
    for endpoint_id, row in sorted({row["endpoint_id"]: row for row in rows}.items()):
        breaker = await breaker_for_update(connection, endpoint_id, circuit_config(row["circuit"]))
        if row["endpoint_state"] != EndpointState.ENABLED.value or not breaker.admits(now=now):
            holding.add(endpoint_id)
    return frozenset(holding)


def _make_pending(ids: Sequence[str], due: float, *, probing: bool) -> Update:
    return (
        update(DELIVERIES)
        .where(DELIVERIES.c.id.in_(ids))
        .values(
            state=DeliveryState.PENDING.value,
            next_attempt_at=due,
            trigger=(Trigger.PROBE if probing else Trigger.MANUAL).value,
            budget_spent=0,
            lost_count=0,
            finished_at=None,
        )
    )


def _resend_message(row: RowMapping, breaker: CircuitBreaker, now: float, *, probing: bool) -> str:
    name, attempt = sanitize(row["endpoint_name"]), row["attempt_count"] + 1
    if row["endpoint_state"] != EndpointState.ENABLED.value:
        return f"Attempt {attempt} will wait: {name} is {row['endpoint_state']}."
    if probing or breaker.admits(now=now):
        return f"Resending: attempt {attempt}."
    probe_at = breaker.next_admission_at(now=now)
    end = "it is released" if probe_at is None else f"the next probe at {format_time_utc(probe_at, now)}"
    return f"Attempt {attempt} will wait: {name}'s circuit is open until {end}."


def _bulk_message(resent: int, held: int, requested: int) -> str:
    if requested == resent:
        message = f"{pluralize(resent, 'delivery')} resent."
    else:
        message = f"{resent:,} of {pluralize(requested, 'delivery')} resent. The rest were skipped."
    if held:
        message += f" {held:,} will wait for an open circuit or an endpoint that is not enabled."
    return message


def _why_not_cancellable(row: RowMapping) -> str:
    if row["state"] == DeliveryState.IN_FLIGHT.value:
        return (
            "An attempt is in flight, and its result will be recorded. Cancel the delivery after the attempt."
        )
    return f"This delivery is already {row['state']}."
