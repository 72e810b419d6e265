"""How a command that runs until it is told to stop ends."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_INTERRUPTED = 130


@contextmanager
def ends_quietly() -> Iterator[None]:
    """Turn a second Ctrl-C, which ends the drain, into an exit code instead of a traceback."""
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
