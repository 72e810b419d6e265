"""End expired holds."""

from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.delivery.context import EngineContext
from breakwater.core.store.circuits import breaker_for_update, circuit_config, save_breaker
from breakwater.core.store.schema import CIRCUITS, ENDPOINTS

INTERVAL_SECONDS: Final = 5.0


class HoldExpiryJob:
    """Ends expired holds: their circuits become half-open."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def run(self) -> None:
        """Check every five seconds, until cancelled."""
        while True:
            await self.end_holds()
            await self._context.clock.sleep(INTERVAL_SECONDS)

    async def end_holds(self) -> None:
        """End every expired hold."""
        async with self._context.database.read() as connection:
            expired = await connection.execute(_expired_holds(self._context.clock.now()))
            endpoint_ids = list(expired.scalars())
        for endpoint_id in endpoint_ids:
            await self.end_hold(endpoint_id)

    async def end_hold(self, endpoint_id: str) -> bool:
        """End the hold of this endpoint and return True; return False if it was changed or released."""

        async def end(connection: AsyncConnection) -> bool:
            now = self._context.clock.now()
            fields = select(ENDPOINTS.c.circuit).where(ENDPOINTS.c.id == endpoint_id)
            config = circuit_config((await connection.execute(fields)).scalar_one())
            breaker = await breaker_for_update(connection, endpoint_id, config)
            if breaker.hold is None or not breaker.hold.is_over(now):
                return False
            breaker.lift_hold(now=now, cause="the hold ended")
            await save_breaker(connection, endpoint_id, breaker, now, self._context.ids.make, actor=None)
            return True

        def publish(hold_ended: bool) -> None:
            if hold_ended:
                self._context.change_feed.publish("circuits", endpoint_id)

        return await self._context.endpoint_changes.commit(endpoint_id, end, on_commit=publish)


def _expired_holds(now: float) -> Select[Any]:
    return select(CIRCUITS.c.endpoint_id).where(CIRCUITS.c.held_at.is_not(None), CIRCUITS.c.hold_until <= now)
