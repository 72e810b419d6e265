"""Pause and resume an endpoint."""

from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import Entry
from breakwater.core.delivery.context import Parts
from breakwater.core.domain.errors import Conflict, NotFound
from breakwater.core.domain.states import EndpointState
from breakwater.core.operations.circuits import pending_of
from breakwater.core.operations.result import Done
from breakwater.core.store.circuit_rows import breaker_for_update, circuit_config, save_breaker
from breakwater.core.store.schema.rows import ENDPOINTS
from breakwater.core.text.format import who


class LaneOperations:
    """What a person may do to an endpoint's lane. Its deliveries are kept in every state."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def pause(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> Done:
        """Hold every delivery of the endpoint back. Raises Conflict when it is not enabled."""

        async def pause(connection: AsyncConnection) -> Done:
            row = await _endpoint(connection, endpoint_id)
            if row["state"] != EndpointState.ENABLED.value:
                raise Conflict(f"The endpoint is {row['state']} already.")
            await connection.execute(self._becoming(endpoint_id, EndpointState.PAUSED, reason))
            done = Done("Paused: new deliveries are accepted and wait until it is resumed.")
            await self._parts.journal.write(
                connection, Entry(actor, "endpoint.pause", endpoint_id, done.sentence, reason)
            )
            return done

        done = await self._parts.database.writer.run(pause)
        await self._tell(endpoint_id)
        return done

    async def resume(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> Done:
        """Let a paused or disabled endpoint's deliveries out. Raises Conflict when it is enabled.

        A disabled one starts with a circuit that has counted nothing: with the old counters its next failure would end
        it again, as it does in three of the peers.
        """

        async def resume(connection: AsyncConnection) -> Done:
            row = await _endpoint(connection, endpoint_id)
            if row["state"] == EndpointState.ENABLED.value:
                raise Conflict("The endpoint is enabled: its deliveries go out.")
            await connection.execute(self._becoming(endpoint_id, EndpointState.ENABLED, None))
            if row["state"] == EndpointState.DISABLED.value:
                await self._forget_failures(connection, row, actor)
            backlog = await pending_of(connection, endpoint_id)
            done = Done(f"Resumed: {backlog:,} waiting deliveries follow.", backlog)
            entry = Entry(actor, "endpoint.resume", endpoint_id, done.sentence, reason, affected=backlog)
            await self._parts.journal.write(connection, entry)
            return done

        done = await self._parts.database.writer.run(resume)
        await self._tell(endpoint_id)
        return done

    def _becoming(self, endpoint_id: str, state: EndpointState, reason: str | None) -> Any:
        return (
            update(ENDPOINTS)
            .where(ENDPOINTS.c.id == endpoint_id)
            .values(state=state.value, state_reason=reason, updated_at=self._parts.clock.now())
        )

    async def _forget_failures(self, connection: AsyncConnection, row: RowMapping, actor: str) -> None:
        now = self._parts.clock.now()
        breaker = await breaker_for_update(connection, row["id"], circuit_config(row["circuit"]))
        breaker.reset(now=now, cause=f"endpoint resumed by {who(actor)}")
        await save_breaker(connection, row["id"], breaker, now, self._parts.ids.make, actor=actor)

    async def _tell(self, endpoint_id: str) -> None:
        await self._parts.directory.reload([endpoint_id])
        await self._parts.dispatcher.refresh(endpoint_id)
        for topic in ("endpoints", "circuits", "audit"):
            self._parts.hints.publish(topic, endpoint_id)


async def _endpoint(connection: AsyncConnection, endpoint_id: str) -> RowMapping:
    found = select(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id, ENDPOINTS.c.deleted_at.is_(None))
    row = (await connection.execute(found.with_for_update())).mappings().one_or_none()
    if row is None:
        raise NotFound("endpoint", endpoint_id)
    return row
