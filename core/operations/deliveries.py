"""Resend and cancel."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.circuit import CircuitBreaker, CircuitState
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.domain.states import DeliveryState, EndpointState, Trigger, states_that_may_become
from breakwater.core.operations.result import OperationResult, clock_time
from breakwater.core.store.circuits import breaker_for_update, circuit_config, save_breaker
from breakwater.core.store.commands.pending import next_due
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS
from breakwater.core.text.format import format_actor

MAX_BULK_RESEND: Final = 200
"""Deliveries that are resent by their ids in one transaction; more are resent by a filter, at a pace."""
_JUST_BEFORE: Final = 0.001
"""Seconds by which a delivery that is sent now goes before the oldest one of its lane."""
_REOPENED: Final = states_that_may_become(DeliveryState.PENDING) - {DeliveryState.IN_FLIGHT} | {
    DeliveryState.PENDING
}


class DeliveryOperations:
    """What a person may do to deliveries by their ids."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def resend(
        self, delivery_id: str, *, actor: str, reason: str | None = None, now: bool = False
    ) -> OperationResult:
        """Send a delivery again, with its numbering continued and its retry budget anew.

        With `now` an open circuit is half opened for it, and it goes first: one probe. A delivery that waits for its
        retry goes at once. Raises Conflict while an attempt is under way, or with `now` against a hold.
        """

        async def resend(connection: AsyncConnection) -> tuple[str, OperationResult]:
            row = await _delivery(connection, delivery_id)
            if row["state"] not in _REOPENED:
                raise Conflict(
                    f"An attempt of {delivery_id} is under way; see what it comes to, then resend it."
                )
            breaker = await breaker_for_update(connection, row["endpoint_id"], circuit_config(row["circuit"]))
            probing = now and breaker.state is not CircuitState.CLOSED
            at = self._context.clock.now()
            due = await self._queue_first(connection, row, breaker, actor) if probing else at
            await connection.execute(_reopening([delivery_id], due, probing=probing))
            done = OperationResult(_consequence(row, breaker, at, probing=probing))
            detail = {"state_before": row["state"], "attempts_before": row["attempt_count"], "now": now}
            await self._context.audit_log.write(
                connection,
                AuditEntry(actor, "delivery.resend", delivery_id, done.message, reason, detail=detail),
            )
            return row["endpoint_id"], done

        endpoint_id, done = await self._context.database.writer.run(resend)
        await self._context.dispatcher.refresh(endpoint_id)
        self._context.dispatcher.note_due(endpoint_id, 0.0)
        self._tell(delivery_id)
        return done

    async def _queue_first(
        self, connection: AsyncConnection, row: RowMapping, breaker: CircuitBreaker, actor: str
    ) -> float:
        """Half open the circuit for this delivery and return a time before every other one of its lane."""
        if breaker.hold is not None:
            raise Conflict(
                f"{format_actor(breaker.hold.by)} holds the circuit open: {breaker.hold.reason}. Release it first."
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

        Those that cannot be resent are left alone and counted: an attempt is under way, the endpoint was deleted, or
        they are not there any more. Raises InvalidInput for no id or too many, and Conflict when none can be resent.
        """
        ids = sorted(set(delivery_ids))
        if not 1 <= len(ids) <= MAX_BULK_RESEND:
            raise InvalidInput.of(
                "ids", f"name 1 to {MAX_BULK_RESEND} deliveries; resend more of them by a filter"
            )

        async def resend(connection: AsyncConnection) -> tuple[Sequence[RowMapping], OperationResult]:
            return await self._resend_those(connection, ids, actor, reason)

        rows, done = await self._context.database.writer.run(resend)
        for endpoint_id in {row["endpoint_id"] for row in rows}:
            await self._context.dispatcher.refresh(endpoint_id)
            self._context.dispatcher.note_due(endpoint_id, 0.0)
        for row in rows:
            self._tell(row["id"])
        return done

    async def _resend_those(
        self, connection: AsyncConnection, ids: Sequence[str], actor: str, reason: str | None
    ) -> tuple[Sequence[RowMapping], OperationResult]:
        rows = await _resendable(connection, ids)
        if not rows:
            raise Conflict(
                "None of them can be resent: an attempt is under way, or they are not there any more."
            )
        at = self._context.clock.now()
        waiting = await _lanes_that_wait(connection, rows, at)
        resent = [row["id"] for row in rows]
        await connection.execute(_reopening(resent, at, probing=False))
        wait = sum(row["endpoint_id"] in waiting for row in rows)
        done = OperationResult(_consequence_of_many(len(resent), wait, len(ids) - len(resent)), len(resent))
        entry = AuditEntry(
            actor,
            "delivery.resend_many",
            "deliveries",
            done.message,
            reason,
            affected=done.affected,
            detail={"ids": resent},
        )
        await self._context.audit_log.write(connection, entry)
        return rows, done

    async def cancel(self, delivery_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """End a delivery that waits. It can be resent. Raises Conflict when it is under way or final."""

        async def cancel(connection: AsyncConnection) -> OperationResult:
            row = await _delivery(connection, delivery_id)
            if row["state"] not in states_that_may_become(DeliveryState.CANCELLED):
                raise Conflict(_not_cancellable(row))
            values = {"state": DeliveryState.CANCELLED.value, "next_attempt_at": None}
            await connection.execute(
                update(DELIVERIES)
                .where(DELIVERIES.c.id == delivery_id)
                .values(**values, finished_at=self._context.clock.now())
            )
            done = OperationResult("Cancelled: no further attempt is made unless it is resent.")
            await self._context.audit_log.write(
                connection, AuditEntry(actor, "delivery.cancel", delivery_id, done.message, reason)
            )
            return done

        done = await self._context.database.writer.run(cancel)
        self._tell(delivery_id)
        return done

    def _tell(self, delivery_id: str) -> None:
        self._context.change_feed.publish("deliveries", delivery_id)
        self._context.change_feed.publish("audit", delivery_id)


_WITH_ENDPOINT: Final = (
    select(DELIVERIES, ENDPOINTS.c.state.label("endpoint_state"), ENDPOINTS.c.circuit, ENDPOINTS.c.deleted_at)
    .join(ENDPOINTS, ENDPOINTS.c.id == DELIVERIES.c.endpoint_id)
    .with_for_update(of=DELIVERIES)
)


async def _delivery(connection: AsyncConnection, delivery_id: str) -> RowMapping:
    found = _WITH_ENDPOINT.where(DELIVERIES.c.id == delivery_id)
    row = (await connection.execute(found)).mappings().one_or_none()
    if row is None:
        raise NotFound("delivery", delivery_id)
    if row["deleted_at"] is not None:
        raise Conflict("Its endpoint was deleted; send the message again to another one.")
    return row


async def _resendable(connection: AsyncConnection, ids: Sequence[str]) -> Sequence[RowMapping]:
    """Return those that can be resent now, locked in the order of their ids, so that two who resend never deadlock."""
    found = _WITH_ENDPOINT.where(
        DELIVERIES.c.id.in_(ids), DELIVERIES.c.state.in_(_REOPENED), ENDPOINTS.c.deleted_at.is_(None)
    )
    return (await connection.execute(found.order_by(DELIVERIES.c.id))).mappings().all()


async def _lanes_that_wait(
    connection: AsyncConnection, rows: Sequence[RowMapping], now: float
) -> frozenset[str]:
    """Return the endpoints of `rows` that take nothing just now."""
    waiting = set()
    for endpoint_id, row in sorted({row["endpoint_id"]: row for row in rows}.items()):
        breaker = await breaker_for_update(connection, endpoint_id, circuit_config(row["circuit"]))
        if row["endpoint_state"] != EndpointState.ENABLED.value or not breaker.admits(now=now):
            waiting.add(endpoint_id)
    return frozenset(waiting)


def _reopening(ids: Sequence[str], due: float, *, probing: bool) -> Any:
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


def _consequence(row: RowMapping, breaker: CircuitBreaker, now: float, *, probing: bool) -> str:
    if row["endpoint_state"] != EndpointState.ENABLED.value:
        return f"Resent: it waits, because its endpoint is {row['endpoint_state']}."
    if probing or breaker.admits(now=now):
        return f"Resent: attempt {row['attempt_count'] + 1} goes out now."
    again = breaker.next_admission_at(now=now)
    until = "the hold is released" if again is None else f"the next probe at {clock_time(again)}"
    return f"Resent: its circuit is open, so it waits until {until}."


def _consequence_of_many(resent: int, waiting: int, left: int) -> str:
    those = "1 delivery" if resent == 1 else f"{resent:,} deliveries"
    clauses = [f"Resent {those}"]
    if waiting:
        clauses.append(
            f"{waiting:,} of them wait, because their circuit is open or their endpoint is not enabled"
        )
    if left:
        clauses.append(f"{left:,} could not be resent and {'was' if left == 1 else 'were'} left alone")
    return f"{'; '.join(clauses)}."


def _not_cancellable(row: RowMapping) -> str:
    if row["state"] == DeliveryState.IN_FLIGHT.value:
        return "An attempt is under way and cannot be called back; cancel it when that has ended."
    return f"It is {row['state']} already: there is nothing to cancel."
