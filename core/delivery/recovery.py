"""Requeue deliveries whose process died while it held their claims."""

from typing import Final

import structlog

from breakwater.core.delivery.context import EngineContext
from breakwater.core.store.commands.recover import FreePermits, Requeued, RequeueExpired

log = structlog.get_logger("breakwater.sweeper")

ROUND_SECONDS: Final = 10.0
"""Seconds between two rounds; a delivery is requeued within a minute after its lease expires."""


class LeaseReaper:
    """Records a lost attempt for every claim whose process died, and makes its delivery due again."""

    def __init__(self, context: EngineContext, node_id: str) -> None:
        self._database = context.database
        self._dispatcher = context.dispatcher
        self._clock = context.clock
        self._ids = context.ids
        self._change_feed = context.change_feed
        self._node_id = node_id

    async def run(self) -> None:
        """Requeue expired claims every ten seconds, until cancelled."""
        while True:
            await self.requeue_expired()
            await self._clock.sleep(ROUND_SECONDS)

    async def requeue_expired(self) -> int:
        """Requeue the claims whose lease has expired, except those of this process; return how many."""
        return await self._requeue(except_node=None)

    async def recover_on_start(self) -> int:
        """Requeue the claims of earlier processes, if no other process can have the database open.

        Their half-open permits are released first, because each requeued delivery may need a new permit.
        """
        if not self._database.exclusive:
            return 0
        await self._free_permits()
        return await self._requeue(except_node=self._node_id)

    async def _free_permits(self) -> None:
        await self._dispatcher.refresh(await self._database.writer.submit(FreePermits(self._clock.now())))

    async def _requeue(self, except_node: str | None) -> int:
        total = 0
        while requeued := await self._database.writer.submit(self._command(except_node)):
            total += len(requeued)
            for delivery in requeued:
                self._publish(delivery)
        return total

    def _command(self, except_node: str | None) -> RequeueExpired:
        return RequeueExpired(
            self._clock.now(),
            self._ids.make,
            except_node=except_node,
            exclude=frozenset(self._dispatcher.in_flight),
        )

    def _publish(self, requeued: Requeued) -> None:
        log.warning(
            "delivery.lost",
            delivery_id=requeued.delivery_id,
            endpoint_id=requeued.endpoint_id,
            retried=requeued.retried,
            note="may have been delivered",
        )
        self._change_feed.publish("deliveries", requeued.delivery_id)
        if requeued.retried:
            self._dispatcher.note_due(requeued.endpoint_id)
