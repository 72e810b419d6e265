"""The system's clock: follows the calendar, and never goes back while the process lives."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger("breakwater.clock")

TOLERANCE_SECONDS: Final = 1.0
"""How far `now` and the calendar may be apart. NTP corrects less than that all the time."""
SLOW_RATE: Final = 0.9
"""Seconds by which `now` advances in one second while it is ahead of the calendar."""
_CHECK_SECONDS: Final = 0.1
_READ_SECONDS: Final = 0.05
"""The two clocks are compared only when both were read within this time."""
_SLEEP_SECONDS: Final = 5.0
"""Longest part of a sleep. The timers of the event loop stand still while the machine is suspended."""


class SystemClock:
    """Time in seconds since the epoch. `docs/adr/0010-one-clock-follows-the-calendar.md` gives the reasons.

    `now` runs with the monotonic clock and is compared with the calendar ten times a second. It steps forward when the
    calendar is ahead: the machine was suspended, or NTP set the calendar. It runs 10% slower while the calendar is
    behind, so that no schedule stands still and no stored time is followed by an earlier one.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._anchor = monotonic()
        """On the monotonic clock; `now` was `_anchor_now` then and has advanced at `_rate` since."""
        self._anchor_now = wall()
        self._rate = 1.0
        self._check_at = self._anchor

    def now(self) -> float:
        """Return seconds since the epoch, which never decrease."""
        at = self._monotonic()
        if at >= self._check_at:
            at = self._follow_calendar(at)
        return self._anchor_now + (at - self._anchor) * self._rate

    def wall(self) -> float:
        """Return what the calendar says, in seconds since the epoch."""
        return self._wall()

    async def sleep(self, seconds: float) -> None:
        """Return once `now` has advanced by `seconds`."""
        until = self.now() + seconds
        await asyncio.sleep(min(max(0.0, seconds), _SLEEP_SECONDS))
        while (left := until - self.now()) > 0:  # noqa: ASYNC110  # time has no event to wait for
            await asyncio.sleep(min(left, _SLEEP_SECONDS))

    def _follow_calendar(self, at: float) -> float:
        """Compare `now` with the calendar and set the anchor again; return the time on the monotonic clock."""
        self._check_at = at + _CHECK_SECONDS
        wall, read_at = self._wall(), self._monotonic()
        if (
            read_at - at > _READ_SECONDS
        ):  # the process was stopped between the two: the next call compares them
            self._check_at = read_at
            return read_at
        now = self._anchor_now + (read_at - self._anchor) * self._rate
        ahead = wall - now
        if ahead > TOLERANCE_SECONDS:
            log.warning("clock.adjusted", seconds=round(ahead, 3), how="stepped forward")
            now, self._rate = wall, 1.0
        elif ahead < -TOLERANCE_SECONDS and self._rate == 1.0:
            log.warning(
                "clock.adjusted", seconds=round(ahead, 3), how="runs slower until the calendar is there"
            )
            self._rate = SLOW_RATE
        elif ahead > -TOLERANCE_SECONDS / 2:
            self._rate = 1.0
        self._anchor, self._anchor_now = read_at, now
        return read_at
