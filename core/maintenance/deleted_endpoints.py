"""Cancel the pending deliveries of deleted endpoints."""

from functools import partial
from typing import Final

from breakwater.core.delivery.context import EngineContext
from breakwater.core.store.commands.pending import cancel_some_pending, deleted_with_pending

INTERVAL_SECONDS: Final = 5.0
_REASON: Final = "The endpoint was deleted"


class DeletedEndpointsJob:
    """Cancels deliveries that became pending after the deletion, and the rest of an interrupted deletion."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def run(self) -> None:
        """Check every five seconds, until cancelled."""
        while True:
            await self.cancel_pending()
            await self._context.clock.sleep(INTERVAL_SECONDS)

    async def cancel_pending(self) -> None:
        """Cancel every pending delivery of a deleted endpoint, in steps."""
        async with self._context.database.read() as connection:
            endpoint_ids = list((await connection.execute(deleted_with_pending())).scalars())
        for endpoint_id in endpoint_ids:
            now = self._context.clock.now()
            step = partial(cancel_some_pending, endpoint_id=endpoint_id, reason=_REASON, now=now)
            await self._context.database.writer.run_in_steps(step)
            self._context.change_feed.publish("deliveries", endpoint_id)
