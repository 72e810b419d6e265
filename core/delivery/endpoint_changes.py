"""Commits changes of endpoints and circuits, and brings this process's memory up to them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.health import TaskHealth
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database

log = structlog.get_logger("breakwater.endpoints")

_RETRY_SECONDS: Final = 0.5
_MAX_RETRY_SECONDS: Final = 10.0

T = TypeVar("T")
Reader = Callable[[Collection[str]], Awaitable[None]]
"""Reads these endpoints again from the database."""


class EndpointChanges:
    """Keeps the endpoint cache and the lanes as the database has them.

    Reading again is a consequence of the commit, not of its caller. A caller that disconnects stops nothing, and a read
    that fails is repeated until it succeeds.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._readers: list[Reader] = []
        self._outdated: set[str] = set()
        self._reading: set[str] = set()
        self._round_ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._last_error: str | None = None
        self._closed = False

    def add_reader(self, read: Reader) -> None:
        """Call `read` with the endpoints that changed, after the readers that were added before."""
        self._readers.append(read)

    async def commit(
        self,
        endpoint_id: str,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        on_commit: Callable[[T], None] | None = None,
    ) -> T:
        """Write by `work`, which changes this endpoint, and return its result once memory is up to date.

        While the endpoint cannot be read again it returns without, and reading goes on in the background. Raises what
        `work` raises, and StoreUnavailable.
        """

        def follow_up(result: T) -> None:
            self.mark_outdated([endpoint_id])
            if on_commit is not None:
                on_commit(result)

        try:
            result = await self._database.writer.run(work, on_commit=follow_up)
        except StoreUnavailable:
            self.mark_outdated([endpoint_id])  # the connection may have been lost after the commit
            raise
        await self.wait_until_read([endpoint_id])
        return result

    def mark_outdated(self, endpoint_ids: Iterable[str]) -> None:
        """Have these endpoints read again, in the background."""
        self._outdated.update(endpoint_ids)
        idle = self._task is None or self._task.done()
        if self._outdated and idle and not self._closed:
            self._task = asyncio.create_task(self._read_outdated(), name="endpoint-refresh")

    async def wait_until_read(self, endpoint_ids: Iterable[str]) -> None:
        """Return when these endpoints are up to date, or immediately while they cannot be read."""
        waiting = set(endpoint_ids)
        while not self._failures and not self._closed and waiting & (self._outdated | self._reading):
            await self._round_ended.wait()

    async def close(self) -> None:
        """Stop reading; the database closes next."""
        self._closed = True
        self._end_round()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def health(self) -> TaskHealth:
        """Return whether memory follows the database."""
        return TaskHealth("endpoint-refresh", not self._failures, 0, self._last_error)

    async def _read_outdated(self) -> None:
        while self._outdated:
            self._reading, self._outdated = self._outdated, set()
            try:
                await self._read(self._reading)
            except StoreUnavailable as unavailable:
                log.warning("endpoints.refresh_postponed", reason=str(unavailable))
                self._note_failure(str(unavailable))
            except Exception as error:  # whatever it is, the cache must not stay behind the database
                log.exception("endpoints.refresh_failed")
                self._note_failure(f"{type(error).__name__}: {error}")
            else:
                self._failures, self._last_error = 0, None
            self._reading = set()
            self._end_round()
            if self._failures:
                await self._clock.sleep(
                    min(_MAX_RETRY_SECONDS, _RETRY_SECONDS * 2 ** min(self._failures - 1, 10))
                )

    async def _read(self, endpoint_ids: Collection[str]) -> None:
        for read in self._readers:
            await read(endpoint_ids)

    def _note_failure(self, error: str) -> None:
        self._outdated |= self._reading
        self._failures += 1
        self._last_error = error

    def _end_round(self) -> None:
        self._round_ended.set()
        self._round_ended = asyncio.Event()
