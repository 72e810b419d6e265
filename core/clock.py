"""The system's clock, steadied."""

import asyncio
import time


class SystemClock:
    """Wall time that neither jumps nor steps back while the process lives.

    `now` is anchored once and then follows the monotonic clock: an operator or NTP setting the calendar back an hour
    must not stall the schedule, and setting it forward must not send a day's retries at once.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return seconds since the epoch; monotonic."""
        return self._offset + time.monotonic()

    def wall(self) -> float:
        """Return what the calendar says, in seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` of monotonic time."""
        await asyncio.sleep(seconds)
