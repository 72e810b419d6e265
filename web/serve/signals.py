"""SIGTERM and SIGINT at every stage: start, run and drain."""

import asyncio
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import uvicorn

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class StopSignal:
    """Handles the signals of one service.

    During the start, the first signal cancels the start. While the service runs, the first signal ends the
    listening and then the delivering. A further signal cancels the drain.
    """

    def __init__(self) -> None:
        """Install the handlers in the running event loop, for the current task."""
        self.ended_start = False
        """Whether a signal came before requests were served."""
        self._server: uvicorn.Server | None = None
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop)

    def serving(self, server: "uvicorn.Server") -> None:
        """Let the next signal end `server`. The start is over."""
        self._server = server

    def _stop(self) -> None:
        if self._server is not None and not self._server.should_exit:
            self._server.should_exit = True
            return
        self.ended_start = self._server is None
        if self._task is not None:
            self._task.cancel()


def exit_on_sigterm() -> None:
    """Make SIGTERM end the process while it imports and reads its settings.

    As PID 1 of a container a process has no default handlers, and ignores a signal that it does not handle.
    """
    signal.signal(signal.SIGTERM, _exit)


def _exit(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
