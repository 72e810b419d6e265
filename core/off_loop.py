"""Runs work whose cost grows with untrusted content in a thread, so that the event loop goes on."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MAX_ON_LOOP: Final = 8 * 1024
"""Bytes of content that are faster to process on the event loop than in a thread."""
_THREAD: Final = ThreadPoolExecutor(1, thread_name_prefix="content")
"""A single thread: several would take turns with the event loop at Python's lock and make it wait for each."""


async def run_off_loop(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return `work(*args, **kwargs)`, computed in the thread with the current context, such as the reader's zone."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(
        _THREAD, lambda: context.run(work, *args, **kwargs)
    )
