"""Records when a credential was last used, to the minute, in the background of the request."""

import asyncio
import contextlib
from typing import Final

from sqlalchemy import Update

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database

RECORD_INTERVAL_SECONDS: Final = 60.0
"""Between two records of one credential."""


class LastUseRecorder:
    """Writes `last_used_at` and `last_seen_at` in background tasks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._writing: set[asyncio.Task[None]] = set()

    def record(self, last: float | None, statement: Update) -> None:
        """Run `statement` in the background, unless `last` is recent enough."""
        if last is not None and self._clock.now() - last < RECORD_INTERVAL_SECONDS:
            return
        task = asyncio.create_task(self._write(statement), name="record-last-use")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, statement: Update) -> None:
        # Credentials stay valid while the database cannot be written.
        with contextlib.suppress(StoreUnavailable):
            await self._database.writer.run(lambda connection: connection.execute(statement))
