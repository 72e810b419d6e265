"""Exit without a traceback when a long-running command is interrupted."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_INTERRUPTED = 130


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Turn the second Ctrl-C, which ends the drain, into exit code 130."""
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
