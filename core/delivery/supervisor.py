"""Runs the background tasks: starts them together, restarts one that fails, and stops them together."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.health import TaskHealth
from breakwater.core.ports import Clock

log = structlog.get_logger("breakwater.loops")

_RESTART_SECONDS: Final = 0.5
_MAX_RESTART_SECONDS: Final = 30.0
_HEALTHY_AFTER: Final = 60.0
"""Seconds without another failure until a restarted task counts as healthy and its backoff starts again."""
_STORE_RETRY_SECONDS: Final = 2.0
"""Until a task that met an unavailable database is tried again. It is short because nothing is wrong with the task."""
_HEALTHY_AFTER_STORE: Final = 5.0
"""Seconds until such a task counts as healthy again."""


@dataclass(slots=True, eq=False)
class _BackgroundTask:
    name: str
    run: Callable[[], Awaitable[None]]
    restarts: int = 0
    consecutive_failures: int = 0
    failed_at: float | None = None
    unhealthy_seconds: float = _HEALTHY_AFTER
    """How long the latest failure counts."""
    last_error: str | None = None
    task: asyncio.Task[Any] | None = field(default=None)


class Supervisor:
    """Keeps background tasks running. One that raises is logged, restarted after a pause, and shown as unhealthy."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: list[_BackgroundTask] = []

    def add(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Register a task. `run` is expected to go on until it is cancelled."""
        self._tasks.append(_BackgroundTask(name, run))

    def start(self) -> None:
        """Start every task in the running event loop."""
        for background in self._tasks:
            background.task = asyncio.create_task(
                self._supervise(background), name=f"breakwater-{background.name}"
            )

    async def stop(self) -> None:
        """Cancel every task, and return when all have ended."""
        tasks = [background.task for background in self._tasks if background.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def health(self) -> tuple[TaskHealth, ...]:
        """Return the health of each task."""
        return tuple(
            TaskHealth(
                background.name, self._is_healthy(background), background.restarts, background.last_error
            )
            for background in self._tasks
        )

    def _is_healthy(self, background: _BackgroundTask) -> bool:
        running = background.task is not None and not background.task.done()
        return running and (background.failed_at is None or self._has_recovered(background))

    def _has_recovered(self, background: _BackgroundTask) -> bool:
        failed_at = background.failed_at
        return failed_at is not None and self._clock.now() - failed_at >= background.unhealthy_seconds

    async def _supervise(self, background: _BackgroundTask) -> None:
        while True:
            try:
                await background.run()
            except StoreUnavailable as unavailable:
                await self._wait_for_store(background, unavailable)
                continue
            except Exception as error:  # one task's fault must not stop the others
                self._note_failure(background, f"{type(error).__name__}: {error}")
                log.exception("loop.died", loop=background.name, restarts=background.restarts)
            else:
                self._note_failure(background, "ended unexpectedly")
            doublings = min(background.consecutive_failures - 1, 10)
            await self._clock.sleep(min(_MAX_RESTART_SECONDS, _RESTART_SECONDS * 2**doublings))
            background.restarts += 1

    async def _wait_for_store(self, background: _BackgroundTask, unavailable: StoreUnavailable) -> None:
        log.warning("loop.waits", loop=background.name, reason=str(unavailable))
        background.failed_at, background.unhealthy_seconds = self._clock.now(), _HEALTHY_AFTER_STORE
        background.last_error = str(unavailable)
        await self._clock.sleep(_STORE_RETRY_SECONDS)

    def _note_failure(self, background: _BackgroundTask, error: str) -> None:
        failures = 0 if self._has_recovered(background) else background.consecutive_failures
        background.consecutive_failures = failures + 1
        background.failed_at, background.unhealthy_seconds = self._clock.now(), _HEALTHY_AFTER
        background.last_error = error
