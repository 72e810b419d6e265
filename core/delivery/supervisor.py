"""Background tasks: started, restarted with backoff, and stopped together."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.health import TaskHealth
from breakwater.core.ports import Clock

log = structlog.get_logger("breakwater.loops")

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_HEALTHY_AFTER = 60.0
"""Seconds without another failure until a restarted task is healthy again and its backoff is reset."""
_OUTAGE_PAUSE = 2.0
"""Seconds until a task retries after the database was unavailable."""
_HEALTHY_AFTER_OUTAGE = 5.0
"""Seconds until such a task is healthy again: the task itself did not fail."""


@dataclass(slots=True, eq=False)
class _Loop:
    name: str
    run: Callable[[], Awaitable[None]]
    restarts: int = 0
    consecutive_failures: int = 0
    failed_at: float | None = None
    unhealthy_seconds: float = _HEALTHY_AFTER
    """How long the latest failure counts, in seconds."""
    last_error: str | None = None
    task: asyncio.Task[Any] | None = field(default=None)


class Supervisor:
    """Runs the background tasks. A task that raises is logged, restarted after a pause and reported as unhealthy."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loops: list[_Loop] = []

    def add(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Register a task; `run` must run until it is cancelled."""
        self._loops.append(_Loop(name, run))

    def start(self) -> None:
        """Start every task in the running event loop."""
        for loop in self._loops:
            loop.task = asyncio.create_task(self._supervise(loop), name=f"breakwater-{loop.name}")

    async def stop(self) -> None:
        """Cancel every task and wait until each has ended."""
        tasks = [loop.task for loop in self._loops if loop.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def health(self) -> tuple[TaskHealth, ...]:
        """Return the health of each task."""
        return tuple(
            TaskHealth(loop.name, self._is_healthy(loop), loop.restarts, loop.last_error)
            for loop in self._loops
        )

    def _is_healthy(self, loop: _Loop) -> bool:
        running = loop.task is not None and not loop.task.done()
        return running and (loop.failed_at is None or self._has_recovered(loop))

    def _has_recovered(self, loop: _Loop) -> bool:
        return loop.failed_at is not None and self._clock.now() - loop.failed_at >= loop.unhealthy_seconds

    async def _supervise(self, loop: _Loop) -> None:
        while True:
            try:
                await loop.run()
            except StoreUnavailable as away:
                await self._wait_for_the_store(loop, away)
                continue
            except Exception as error:  # a failing task must not affect the others
                self._note(loop, f"{type(error).__name__}: {error}")
                log.exception("loop.died", loop=loop.name, restarts=loop.restarts)
            else:
                self._note(loop, "ended by itself")
            await self._clock.sleep(
                min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(loop.consecutive_failures - 1, 10))
            )
            loop.restarts += 1

    async def _wait_for_the_store(self, loop: _Loop, away: StoreUnavailable) -> None:
        log.warning("loop.waits", loop=loop.name, reason=str(away))
        loop.failed_at, loop.unhealthy_seconds = self._clock.now(), _HEALTHY_AFTER_OUTAGE
        loop.last_error = str(away)
        await self._clock.sleep(_OUTAGE_PAUSE)

    def _note(self, loop: _Loop, error: str) -> None:
        loop.consecutive_failures = 1 if self._has_recovered(loop) else loop.consecutive_failures + 1
        loop.failed_at, loop.unhealthy_seconds = self._clock.now(), _HEALTHY_AFTER
        loop.last_error = error
