"""Measures how long one step of the event loop takes, in processor time of the loop's thread.

Processor time does not grow while other processes use the machine, so a busy machine causes no false alarm. Work in
other threads is not counted: it does not keep the loop from its next step.
"""

import gc
import time
from asyncio import events
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MAX_STALL_MS = 50.0


class LoopSteps:
    """The longest step of the event loop since the last `take`."""

    def __init__(self) -> None:
        self._longest = 0.0

    def note(self, seconds: float) -> None:
        self._longest = max(self._longest, seconds)

    def take(self) -> float:
        """Return the longest step in milliseconds, and start again."""
        longest, self._longest = self._longest * 1000, 0.0
        return longest


@contextmanager
def measured_steps() -> Iterator[LoopSteps]:
    """Measure every step of the event loops of this process."""
    steps = LoopSteps()
    run = events.Handle._run

    def measured(handle: Any) -> None:
        began = time.thread_time()
        run(handle)
        steps.note(time.thread_time() - began)

    events.Handle._run = measured  # type: ignore[method-assign]  # the one place through which every step goes
    gc.collect()
    gc.freeze()  # a full collection would walk everything that earlier tests left
    try:
        yield steps
    finally:
        gc.unfreeze()
        events.Handle._run = run  # type: ignore[method-assign]  # as above
