"""Claims whose worker died come back to work."""

from collections.abc import Mapping
from typing import Final

import structlog

from breakwater.core.delivery.context import Parts
from breakwater.core.store.commands.recover import FreePermits, Rescued, RescueLost

log = structlog.get_logger("breakwater.sweeper")

ROUND_SECONDS: Final = 10.0
"""Between two looks at the leases: a claim is rescued well within a minute of its end."""


class Sweeper:
    """Finds claims whose lease has ended, writes the `lost` attempt and makes them due again."""

    def __init__(self, parts: Parts, worker: str) -> None:
        self._database = parts.database
        self._dispatcher = parts.dispatcher
        self._clock = parts.clock
        self._ids = parts.ids
        self._hints = parts.hints
        self._worker = worker

    async def run(self) -> None:
        """Sweep every ten seconds, for ever."""
        while True:
            await self.sweep()
            await self._clock.sleep(ROUND_SECONDS)

    async def sweep(self) -> int:
        """Rescue every claim whose lease has ended, but those that this process itself works at; return how many."""
        return await self._rescue(only_worker=None)

    async def take_over(self) -> int:
        """Rescue every claim of earlier processes at once, where no other process can be alive beside this one.

        Their permits first: a claim made for what is rescued here takes a permit of its own, which must stand.
        """
        if not self._database.exclusive:
            return 0
        await self._free_permits()
        return await self._rescue(only_worker=self._worker)

    async def _free_permits(self) -> None:
        for endpoint_id in await self._database.writer.submit(FreePermits(self._clock.now())):
            await self._dispatcher.refresh(endpoint_id)

    async def _rescue(self, only_worker: str | None) -> int:
        total = 0
        while rescued := await self._database.writer.submit(self._lost(only_worker)):
            total += len(rescued)
            for one in rescued:
                self._tell(one)
        return total

    def _lost(self, only_worker: str | None) -> RescueLost:
        spared = dict(self._dispatcher.under_way)
        return RescueLost(self._clock.now(), self._ids.make, only_worker=only_worker, spared=spared)

    def _tell(self, rescued: Rescued) -> None:
        log.warning("delivery.lost", **_words(rescued))
        self._hints.publish("deliveries", rescued.delivery_id)
        if rescued.retried:
            self._dispatcher.expect(rescued.endpoint_id)


def _words(rescued: Rescued) -> Mapping[str, object]:
    return {
        "delivery_id": rescued.delivery_id,
        "endpoint_id": rescued.endpoint_id,
        "retried": rescued.retried,
        "note": "may have been delivered",
    }
