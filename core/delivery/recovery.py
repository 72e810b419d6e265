"""Claims whose worker died come back to work."""

from collections.abc import Mapping
from typing import Final

import structlog

from breakwater.core.delivery.context import EngineContext
from breakwater.core.store.commands.recover import FreePermits, Requeued, RequeueExpired

log = structlog.get_logger("breakwater.sweeper")

ROUND_SECONDS: Final = 10.0
"""Between two looks at the leases: a claim is rescued well within a minute of its end."""


class LeaseReaper:
    """Finds claims whose lease has ended, writes the `lost` attempt and makes them due again."""

    def __init__(self, context: EngineContext, node_id: str) -> None:
        self._database = context.database
        self._dispatcher = context.dispatcher
        self._clock = context.clock
        self._ids = context.ids
        self._change_feed = context.change_feed
        self._node_id = node_id

    async def run(self) -> None:
        """Sweep every ten seconds, for ever."""
        while True:
            await self.reap()
            await self._clock.sleep(ROUND_SECONDS)

    async def reap(self) -> int:
        """Rescue every claim whose lease has ended, but those that this process itself works at; return how many."""
        return await self._requeue(except_node=None)

    async def recover_on_start(self) -> int:
        """Rescue every claim of earlier processes at once, where no other process can be alive beside this one.

        Their permits first: a claim made for what is rescued here takes a permit of its own, which must stand.
        """
        if not self._database.exclusive:
            return 0
        await self._free_permits()
        return await self._requeue(except_node=self._node_id)

    async def _free_permits(self) -> None:
        for endpoint_id in await self._database.writer.submit(FreePermits(self._clock.now())):
            await self._dispatcher.refresh(endpoint_id)

    async def _requeue(self, except_node: str | None) -> int:
        total = 0
        while requeued := await self._database.writer.submit(self._lost(except_node)):
            total += len(requeued)
            for one in requeued:
                self._tell(one)
        return total

    def _lost(self, except_node: str | None) -> RequeueExpired:
        exclude = frozenset(self._dispatcher.in_flight)
        return RequeueExpired(self._clock.now(), self._ids.make, except_node=except_node, exclude=exclude)

    def _tell(self, requeued: Requeued) -> None:
        log.warning("delivery.lost", **_words(requeued))
        self._change_feed.publish("deliveries", requeued.delivery_id)
        if requeued.retried:
            self._dispatcher.note_due(requeued.endpoint_id)


def _words(requeued: Requeued) -> Mapping[str, object]:
    return {
        "delivery_id": requeued.delivery_id,
        "endpoint_id": requeued.endpoint_id,
        "retried": requeued.retried,
        "note": "may have been delivered",
    }
