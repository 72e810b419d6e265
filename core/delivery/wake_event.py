"""Waiting for a time or for news, whichever comes first."""

import asyncio

from breakwater.core.ports import Clock


class WakeEvent:
    """Ends a wait early. A wake-up before the wait is not lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._news = asyncio.Event()

    def wake(self) -> None:
        """End the wait that is under way, or the next one."""
        self._news.set()

    async def wait(self, until: float) -> None:
        """Return at `until` (seconds since the epoch, on the clock), or earlier after `wake`."""
        if until > self._clock.now() and not self._news.is_set():
            sleeping = asyncio.ensure_future(self._sleep(until))
            told = asyncio.ensure_future(self._news.wait())
            try:
                await asyncio.wait({sleeping, told}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
                told.cancel()
        self._news.clear()

    async def _sleep(self, until: float) -> None:
        # What is left is asked for here, not before: between making a task and its first step time goes on.
        await self._clock.sleep(until - self._clock.now())
