"""Pause and resume an endpoint."""

from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.errors import Conflict, NotFound
from breakwater.core.domain.states import EndpointState
from breakwater.core.operations.result import OperationResult
from breakwater.core.store.circuits import breaker_for_update, circuit_config, save_breaker
from breakwater.core.store.commands.pending import count_pending
from breakwater.core.store.schema import ENDPOINTS
from breakwater.core.text.format import format_actor


class EndpointOperations:
    """What a person may do to an endpoint's lane. Its deliveries are kept in every state."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def pause(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """Hold every delivery of the endpoint back. Raises Conflict when it is not enabled."""

        async def pause(connection: AsyncConnection) -> OperationResult:
            row = await _endpoint(connection, endpoint_id)
            if row["state"] != EndpointState.ENABLED.value:
                raise Conflict(f"The endpoint is {row['state']} already.")
            await connection.execute(self._becoming(endpoint_id, EndpointState.PAUSED, reason))
            done = OperationResult("Paused: new deliveries are accepted and wait until it is resumed.")
            await self._context.audit_log.write(
                connection, AuditEntry(actor, "endpoint.pause", endpoint_id, done.message, reason)
            )
            return done

        done = await self._context.database.writer.run(pause)
        await self._tell(endpoint_id)
        return done

    async def resume(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """Let a paused or disabled endpoint's deliveries out. Raises Conflict when it is enabled.

        A disabled one starts with a circuit that has counted nothing: with the old counters its next failure would end
        it again, as it does in three of the peers.
        """

        async def resume(connection: AsyncConnection) -> OperationResult:
            row = await _endpoint(connection, endpoint_id)
            if row["state"] == EndpointState.ENABLED.value:
                raise Conflict("The endpoint is enabled: its deliveries go out.")
            await connection.execute(self._becoming(endpoint_id, EndpointState.ENABLED, None))
            if row["state"] == EndpointState.DISABLED.value:
                await self._forget_failures(connection, row, actor)
            backlog = await count_pending(connection, endpoint_id)
            done = OperationResult(f"Resumed: {backlog:,} waiting deliveries follow.", backlog)
            entry = AuditEntry(actor, "endpoint.resume", endpoint_id, done.message, reason, affected=backlog)
            await self._context.audit_log.write(connection, entry)
            return done

        done = await self._context.database.writer.run(resume)
        await self._tell(endpoint_id)
        return done

    def _becoming(self, endpoint_id: str, state: EndpointState, reason: str | None) -> Any:
        return (
            update(ENDPOINTS)
            .where(ENDPOINTS.c.id == endpoint_id)
            .values(state=state.value, state_reason=reason, updated_at=self._context.clock.now())
        )

    async def _forget_failures(self, connection: AsyncConnection, row: RowMapping, actor: str) -> None:
        now = self._context.clock.now()
        breaker = await breaker_for_update(connection, row["id"], circuit_config(row["circuit"]))
        breaker.reset(now=now, cause=f"endpoint resumed by {format_actor(actor)}")
        await save_breaker(connection, row["id"], breaker, now, self._context.ids.make, actor=actor)

    async def _tell(self, endpoint_id: str) -> None:
        await self._context.endpoint_cache.reload([endpoint_id])
        await self._context.dispatcher.refresh(endpoint_id)
        for topic in ("endpoints", "circuits", "audit"):
            self._context.change_feed.publish(topic, endpoint_id)


async def _endpoint(connection: AsyncConnection, endpoint_id: str) -> RowMapping:
    found = select(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id, ENDPOINTS.c.deleted_at.is_(None))
    row = (await connection.execute(found.with_for_update())).mappings().one_or_none()
    if row is None:
        raise NotFound("endpoint", endpoint_id)
    return row
