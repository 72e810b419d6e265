"""What time alone decides: holds that end, endpoints that are given up, and what was under way to a deleted one."""

from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import RowMapping, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import EndpointState
from breakwater.core.store.circuits import breaker_for_update, circuit_config, save_breaker
from breakwater.core.store.commands.pending import cancel_some_pending, deleted_with_pending
from breakwater.core.store.schema import CIRCUITS, ENDPOINTS

log = structlog.get_logger("breakwater.warden")

ROUND_SECONDS: Final = 5.0
AUTO_DISABLE_AFTER: Final = 120 * 3600.0
"""Seconds of failing without one success after which an endpoint is disabled."""
_ACTOR: Final = "breakwater"
_WHY: Final = "its circuit has been open for 120 hours without one success"


class ExpiryJob:
    """Ends holds that are over, disables endpoints that failed for five days, ends what waits for a deleted one."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def run(self) -> None:
        """Look every five seconds, for ever."""
        while True:
            await self.look()
            await self._context.clock.sleep(ROUND_SECONDS)

    async def look(self) -> None:
        """End what is over now. Writes only where there is something to end."""
        now = self._context.clock.now()
        for endpoint_id in await self._found(_over(now)):
            await self._end_hold(endpoint_id, now)
        for endpoint_id in await self._found(_hopeless(now)):
            await self._give_up(endpoint_id, now)
        for endpoint_id in await self._found(deleted_with_pending()):
            await self._end_waiting(endpoint_id, now)

    async def _found(self, statement: Select[Any]) -> list[str]:
        async with self._context.database.read() as connection:
            return list((await connection.execute(statement)).scalars())

    async def _end_hold(self, endpoint_id: str, now: float) -> None:
        async def end(connection: AsyncConnection) -> None:
            row = await _endpoint(connection, endpoint_id)
            breaker = await breaker_for_update(connection, endpoint_id, circuit_config(row["circuit"]))
            if breaker.hold is not None and breaker.hold.is_over(now):
                breaker.lift_hold(now=now, cause="the hold ended")
                await save_breaker(connection, endpoint_id, breaker, now, self._context.ids.make, actor=None)

        await self._context.database.writer.run(end)
        await self._tell(endpoint_id)

    async def _give_up(self, endpoint_id: str, now: float) -> None:
        async def disable(connection: AsyncConnection) -> None:
            values = {"state": EndpointState.DISABLED.value, "state_reason": _WHY, "updated_at": now}
            await connection.execute(update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id).values(values))
            outcome = "The endpoint is disabled; what waits for it is kept and goes out when it is resumed."
            entry = AuditEntry(_ACTOR, "endpoint.disable", endpoint_id, outcome, _WHY)
            await self._context.audit_log.write(connection, entry)

        await self._context.database.writer.run(disable)
        log.warning("endpoint.disabled", endpoint_id=endpoint_id, reason=_WHY)
        await self._tell(endpoint_id)

    async def _end_waiting(self, endpoint_id: str, now: float) -> None:
        step = partial(cancel_some_pending, endpoint_id=endpoint_id, why="The endpoint was deleted", now=now)
        await self._context.database.writer.run_in_steps(step)
        self._context.change_feed.publish("deliveries", endpoint_id)

    async def _tell(self, endpoint_id: str) -> None:
        await self._context.endpoint_cache.reload([endpoint_id])
        await self._context.dispatcher.refresh(endpoint_id)
        for topic in ("endpoints", "circuits", "audit"):
            self._context.change_feed.publish(topic, endpoint_id)


def _over(now: float) -> Select[Any]:
    return select(CIRCUITS.c.endpoint_id).where(CIRCUITS.c.held_at.is_not(None), CIRCUITS.c.hold_until <= now)


def _hopeless(now: float) -> Select[Any]:
    return (
        select(CIRCUITS.c.endpoint_id)
        .join(ENDPOINTS, ENDPOINTS.c.id == CIRCUITS.c.endpoint_id)
        .where(
            CIRCUITS.c.state != CircuitState.CLOSED.value,
            CIRCUITS.c.held_at.is_(None),
            CIRCUITS.c.opened_at <= now - AUTO_DISABLE_AFTER,
            ENDPOINTS.c.state == EndpointState.ENABLED.value,
            ENDPOINTS.c.deleted_at.is_(None),
        )
    )


async def _endpoint(connection: AsyncConnection, endpoint_id: str) -> RowMapping:
    found = select(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id)
    return (await connection.execute(found)).mappings().one()
