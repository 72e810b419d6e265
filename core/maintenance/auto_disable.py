"""Disable endpoints whose circuit has been open for 120 hours without one success."""

from typing import Any, Final

import structlog
from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import EndpointState
from breakwater.core.store.schema import CIRCUITS, ENDPOINTS

log = structlog.get_logger("breakwater.warden")

INTERVAL_SECONDS: Final = 5.0
AUTO_DISABLE_AFTER: Final = 120 * 3600.0
"""Seconds of failing without one success."""
_ACTOR: Final = "breakwater"
_REASON: Final = "its circuit has been open for 120 hours without one success"
_OUTCOME: Final = "Endpoint disabled. Its deliveries are held and are sent when you resume it."


class AutoDisableJob:
    """Disables endpoints that keep failing. Their deliveries are held."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def run(self) -> None:
        """Check every five seconds, until cancelled."""
        while True:
            await self.disable_failing()
            await self._context.clock.sleep(INTERVAL_SECONDS)

    async def disable_failing(self) -> None:
        """Disable every endpoint that has failed for too long."""
        async with self._context.database.read() as connection:
            failing = await connection.execute(_failing_too_long(self._context.clock.now()))
            endpoint_ids = list(failing.scalars())
        for endpoint_id in endpoint_ids:
            await self.disable(endpoint_id)

    async def disable(self, endpoint_id: str) -> bool:
        """Disable this endpoint and return True; return False if it no longer fails, for example after a reset."""

        async def disable(connection: AsyncConnection) -> bool:
            now = self._context.clock.now()
            still_failing = (
                _failing_too_long(now).where(CIRCUITS.c.endpoint_id == endpoint_id).with_for_update()
            )
            if (await connection.execute(still_failing)).first() is None:
                return False
            values = {"state": EndpointState.DISABLED.value, "state_reason": _REASON, "updated_at": now}
            await connection.execute(update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id).values(values))
            entry = AuditEntry(_ACTOR, "endpoint.disable", endpoint_id, _OUTCOME, _REASON)
            await self._context.audit_log.write(connection, entry)
            return True

        def publish(disabled: bool) -> None:
            if not disabled:
                return
            log.warning("endpoint.disabled", endpoint_id=endpoint_id, reason=_REASON)
            for topic in ("endpoints", "circuits", "audit"):
                self._context.change_feed.publish(topic, endpoint_id)

        return await self._context.endpoint_changes.commit(endpoint_id, disable, on_commit=publish)


def _failing_too_long(now: float) -> Select[Any]:
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
