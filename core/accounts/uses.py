"""When a credential was last used, to the minute, without making the request that used it wait."""

import asyncio
import contextlib
from typing import Final

from sqlalchemy import Update

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database

NOTED_EVERY: Final = 60.0
"""Seconds between two notes of one credential."""


class Uses:
    """Writes `last_used_at` and `last_seen_at` beside the requests."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, last: float | None, statement: Update) -> None:
        """Run `statement` soon, unless `last` is recent enough."""
        if last is not None and self._clock.now() - last < NOTED_EVERY:
            return
        task = asyncio.create_task(self._write(statement), name="note-use")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, statement: Update) -> None:
        # Credentials work, and pages are read, also while nothing can be written.
        with contextlib.suppress(StoreUnavailable):
            await self._database.writer.run(lambda connection: connection.execute(statement))
