"""Pause and resume an endpoint."""

from collections.abc import Awaitable, Callable

from sqlalchemy import RowMapping, Update, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.errors import Conflict
from breakwater.core.domain.states import EndpointState
from breakwater.core.operations.result import OperationResult
from breakwater.core.operations.rows import endpoint_row, format_held
from breakwater.core.store.circuits import breaker_for_update, circuit_config, save_breaker
from breakwater.core.store.commands.pending import count_pending
from breakwater.core.store.schema import ENDPOINTS
from breakwater.core.text.format import format_actor, sanitize


class EndpointOperations:
    """The operations on an endpoint. Its deliveries are stored in every state."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def pause(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """Hold every delivery of the endpoint. Raises Conflict when it is not enabled."""

        async def pause(connection: AsyncConnection) -> OperationResult:
            row = await endpoint_row(connection, endpoint_id, lock=True)
            if row["state"] != EndpointState.ENABLED.value:
                raise Conflict(f"This endpoint is already {row['state']}.")
            await connection.execute(self._set_state(endpoint_id, EndpointState.PAUSED, reason))
            message = (
                f"{sanitize(row['name'])} paused. New deliveries are accepted and held until you resume it."
            )
            entry = AuditEntry(actor, "endpoint.pause", endpoint_id, message, reason)
            await self._context.audit_log.write(connection, entry)
            return OperationResult(message)

        return await self._commit(endpoint_id, pause)

    async def resume(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """Send the deliveries of a paused or disabled endpoint. Raises Conflict when it is enabled.

        A disabled endpoint starts with a pristine circuit: with its old counters, the next failure would open it.
        """

        async def resume(connection: AsyncConnection) -> OperationResult:
            row = await endpoint_row(connection, endpoint_id, lock=True)
            if row["state"] == EndpointState.ENABLED.value:
                raise Conflict("This endpoint is already enabled.")
            await connection.execute(self._set_state(endpoint_id, EndpointState.ENABLED, None))
            if row["state"] == EndpointState.DISABLED.value:
                await self._reset_circuit(connection, row, actor)
            pending = await count_pending(connection, endpoint_id)
            waiting = f"Releasing {format_held(pending)}." if pending else "No deliveries waiting."
            message = f"{sanitize(row['name'])} resumed. {waiting}"
            entry = AuditEntry(actor, "endpoint.resume", endpoint_id, message, reason, affected=pending)
            await self._context.audit_log.write(connection, entry)
            return OperationResult(message, pending)

        return await self._commit(endpoint_id, resume)

    def _set_state(self, endpoint_id: str, state: EndpointState, reason: str | None) -> Update:
        return (
            update(ENDPOINTS)
            .where(ENDPOINTS.c.id == endpoint_id)
            .values(state=state.value, state_reason=reason, updated_at=self._context.clock.now())
        )

    async def _reset_circuit(self, connection: AsyncConnection, row: RowMapping, actor: str) -> None:
        now = self._context.clock.now()
        breaker = await breaker_for_update(connection, row["id"], circuit_config(row["circuit"]))
        breaker.reset(now=now, cause=f"endpoint resumed by {format_actor(actor)}")
        await save_breaker(connection, row["id"], breaker, now, self._context.ids.make, actor=actor)

    async def _commit(
        self, endpoint_id: str, work: Callable[[AsyncConnection], Awaitable[OperationResult]]
    ) -> OperationResult:
        def publish(_result: OperationResult) -> None:
            for topic in ("endpoints", "circuits", "audit"):
                self._context.change_feed.publish(topic, endpoint_id)

        return await self._context.endpoint_changes.commit(endpoint_id, work, on_commit=publish)
