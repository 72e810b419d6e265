"""Group commit: everything that writes goes through here, and who waits at the same time shares a transaction.

A commit costs a flush of the disk, a row almost nothing. So a batch is whatever queued while the previous one was
committed: a single member when nothing else waits, hundreds under load, with no timer and nothing to set.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.store.batch import (
    Command,
    Member,
    OffLoop,
    WriteFunction,
    write_one_by_one,
    write_together,
)
from breakwater.core.store.failures import is_conflict, store_failure

R = TypeVar("R")
T = TypeVar("T")

MAX_BATCH: Final = 1_000
"""Members of one transaction, so that nobody waits for ever for the others of its batch."""
TURNS_BETWEEN: Final = 4
"""Turns of the event loop before a batch. Whom the previous commit released goes first, as far as the request that its
webhook is sent with, and joins this batch if it writes again. With one turn that request waited for this batch's
statements: two milliseconds, for one message in ten."""

Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""Opens a write transaction; leaving it commits, an exception rolls it back."""


class GroupCommitWriter:
    """The one path of writes: `submit` and `run` return after the commit that holds the caller's rows."""

    def __init__(
        self,
        transaction: Transaction,
        off_loop: OffLoop,
        *,
        max_batch: int = MAX_BATCH,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Write by `transaction`; `check` may refuse a caller before it queues."""
        self._transaction = transaction
        self._off_loop = off_loop
        self._max_batch = max_batch
        self._check = check
        self._queue: deque[Member[Any]] = deque()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.last_error: str | None = None
        """Why the latest batch could not be written; None when it was."""

    @property
    def healthy(self) -> bool:
        """Whether the database took the latest batch."""
        return self.last_error is None

    def start(self) -> None:
        """Begin to write."""
        self._closing = False
        self._task = asyncio.create_task(self._write_batches(), name="group-commit-writer")

    async def close(self) -> None:
        """Write what is queued, then stop. Later callers are refused with StoreUnavailable."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait([self._task])  # which an ending event loop may have cancelled before
            self._task = None
        while self._queue:
            member = self._queue.popleft()
            member.outcome = _closed()
            member.release()

    async def submit(self, command: Command[R], *, on_commit: Callable[[R], None] | None = None) -> R:
        """Write `command` and return its result, after the commit.

        `on_commit` is called with the result after the commit, before any caller goes on, and also where this caller
        was cancelled. It must neither block nor raise.

        Raises the error that stands in its slot, or StoreUnavailable when the database cannot commit just now. A caller
        that is cancelled meanwhile does not know whether its command was written; nobody else notices.
        """
        result: R = await self._enqueue(command, on_commit)
        return result

    async def run(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        on_commit: Callable[[T], None] | None = None,
    ) -> T:
        """Write by a function instead of a command, in the transaction that it shares with others.

        For what is rare or long. What `work` raises undoes its own statements only, and is raised here. It may be
        called a second time when others of its batch fail. `on_commit` is that of `submit`.
        """
        result: T = await self._enqueue(WriteFunction(work), on_commit)
        return result

    async def _enqueue(self, command: Any, on_commit: Callable[[Any], None] | None) -> Any:
        self._check()
        if self._closing or self._task is None:
            raise _closed()
        member: Member[Any] = Member(command, asyncio.get_running_loop().create_future(), on_commit)
        self._queue.append(member)
        self._arrived.set()
        return await member.done

    async def _write_batches(self) -> None:
        while not self._closing or self._queue:
            await self._arrived.wait()
            for _ in range(TURNS_BETWEEN):
                await asyncio.sleep(0)
            batch = self._next_batch()
            await self._write(batch)
            for member in batch:
                member.follow_up()
            for member in batch:
                member.release()

    def _next_batch(self) -> list[Member[Any]]:
        batch: list[Member[Any]] = []
        while self._queue and len(batch) < self._max_batch:
            member = self._queue.popleft()
            if not member.done.cancelled():
                batch.append(member)
        if not self._queue and not self._closing:
            self._arrived.clear()
        return batch

    async def _write(self, batch: list[Member[Any]]) -> None:
        """Give each member its outcome. Raises nothing that a database or a command raises."""
        if not batch:
            return
        error = await self._try(write_together, batch)
        if error is not None and is_conflict(error):
            error = await self._try(write_together, batch)
        if error is not None and len(batch) > 1 and store_failure(error) is None:
            error = await self._try(write_one_by_one, batch)
        self.last_error = None
        if error is not None:
            self._fail(batch, error)

    async def _try(self, write: Callable[..., Awaitable[None]], batch: list[Member[Any]]) -> Exception | None:
        try:
            async with self._transaction() as connection:
                await write(connection, batch, self._off_loop)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the members', not the writer's
            return error
        return None

    def _fail(self, batch: list[Member[Any]], error: Exception) -> None:
        unavailable = store_failure(error)
        self.last_error = None if unavailable is None else str(unavailable)
        for member in batch:
            member.outcome = error
            if unavailable is not None:  # each its own: a raised exception carries the trace of its raising
                member.outcome = StoreUnavailable(str(unavailable), unavailable.retry_after)
                member.outcome.__cause__ = error


def _closed() -> StoreUnavailable:
    return StoreUnavailable("The database is closed.")
