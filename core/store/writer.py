"""Group commit: every write goes through here, and writes that wait at the same time share a transaction.

A commit costs a flush of the disk, a row costs almost nothing. So a batch is whatever queued while the previous one was
committed: a single member when nothing else waits, hundreds under load, with no timer and nothing to configure.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.histogram import Histogram
from breakwater.core.store.batch import (
    Command,
    Member,
    OffLoop,
    WriteFunction,
    write_one_by_one,
    write_together,
)
from breakwater.core.store.failures import is_conflict, store_failure, unavailable

R = TypeVar("R")
T = TypeVar("T")

log = structlog.get_logger("breakwater.store")

MAX_BATCH: Final = 1_000
"""Members of one transaction. More would let the first ones wait too long for the others."""
STALLED_SECONDS: Final = 30.0
"""A batch that takes longer waits for a database that does not answer: later callers are refused."""
STEP_ROWS: Final = 500
"""Rows that one step of `run_in_steps` changes, unless they are large."""
_LOOP_TURNS: Final = 4
"""Turns of the event loop before a batch. Tasks released by the previous commit run first, so that their HTTP requests
start before this batch's statements."""

Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""Opens a write transaction; leaving it commits, an exception rolls it back."""


_BATCH_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH_MEMBERS: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500)


class GroupCommitWriter:
    """The one path of writes: `submit` and `run` return after the commit that holds the caller's rows."""

    def __init__(
        self,
        transaction: Transaction,
        off_loop: OffLoop,
        *,
        max_batch: int = MAX_BATCH,
        stalled_seconds: float = STALLED_SECONDS,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Write by `transaction`; `check` may refuse a caller before it queues."""
        self._transaction = transaction
        self._off_loop = off_loop
        self._max_batch = max_batch
        self._stalled_seconds = stalled_seconds
        self._check = check
        self._queue: deque[Member[Any]] = deque()
        self._batch: list[Member[Any]] = []
        """Members of the batch that is being written."""
        self._batch_since: float | None = None
        self._arrived = asyncio.Event()
        self._step_turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._batch_error: str | None = None
        self.batch_seconds = Histogram(_BATCH_SECONDS)
        """How long batches took, with their commit."""
        self.batch_members = Histogram(_BATCH_MEMBERS)
        """How many writes shared a transaction."""
        self.restarts = 0
        """How often the writer itself failed and began again."""

    @property
    def healthy(self) -> bool:
        """Whether writes are possible, as far as the latest batch shows."""
        return self.last_error is None

    @property
    def last_error(self) -> str | None:
        """Why nothing can be written: the writer has stopped or waits too long, or the latest batch failed."""
        if self._task is None or self._task.done():
            return str(_closed()) if self._task is None or self._closing else str(_stopped())
        stalled = self._stalled()
        return self._batch_error if stalled is None else str(stalled)

    def start(self) -> None:
        """Begin to write."""
        self._closing = False
        self._batch_error = None
        self._task = asyncio.create_task(self._run(), name="group-commit-writer")
        self._task.add_done_callback(self._on_task_end)

    async def close(self) -> None:
        """Write what is queued, then stop. Later callers are refused with StoreUnavailable."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait([self._task])  # an ending event loop may have cancelled it
            self._task = None
        self._fail(self._take_queue(), _closed)

    async def submit(self, command: Command[R], *, on_commit: Callable[[R], None] | None = None) -> R:
        """Write `command` and return its result, after the commit.

        `on_commit` is called with the result after the commit, before any caller goes on, and also where this caller
        was cancelled. It must neither block nor raise.

        Raises the error that stands in its slot, or StoreUnavailable when the database cannot commit. A caller that is
        cancelled does not know whether its command was written; the other members of the batch are not affected.
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

        For what is rare. What `work` raises undoes its own statements only, and is raised here. It may be called a
        second time when others of its batch fail. Work on an unknown number of rows belongs into `run_in_steps`.
        `on_commit` is that of `submit`.
        """
        result: T = await self._enqueue(WriteFunction(work), on_commit)
        return result

    async def run_in_steps(self, step: Callable[[AsyncConnection], Awaitable[int]]) -> int:
        """Run `step` in one transaction after the other until it returns 0; return the sum of what it returned.

        For work on any number of rows: each step changes a bounded number of them, so that other writes never wait for
        more than one step, however many callers work in steps. What was committed stays when a later step fails.
        """
        total = 0
        while True:
            async with self._step_turn:
                count = await self.run(step)
            if count == 0:
                return total
            total += count

    def _enqueue(self, command: Any, on_commit: Callable[[Any], None] | None) -> asyncio.Future[Any]:
        self._check()
        if self._closing or self._task is None:
            raise _closed()
        if self._task.done():
            raise _stopped()
        if (stalled := self._stalled()) is not None:
            raise stalled
        member: Member[Any] = Member(command, asyncio.get_running_loop().create_future(), on_commit)
        self._queue.append(member)
        self._arrived.set()
        return member.done

    async def _run(self) -> None:
        """Write batches until closed. A failure of the writer itself fails that batch, and the next one is written."""
        while not self._closing or self._queue:
            await self._arrived.wait()
            for _ in range(_LOOP_TURNS):
                await asyncio.sleep(0)
            try:
                await self._write_batch()
            except Exception:
                log.exception("writer.failed", members=len(self._batch))
                self.restarts += 1
                self._batch_error = str(_failed())
                self._fail(self._batch, _failed)

    async def _write_batch(self) -> None:
        self._batch = self._next_batch()
        if not self._batch:
            return
        loop = asyncio.get_running_loop()
        watch = loop.call_later(self._stalled_seconds, self._refuse_waiting)
        self._batch_since = started = time.monotonic()
        try:
            await self._write(self._batch)
        finally:
            self._batch_since = None
            self.batch_seconds.observe(time.monotonic() - started)
            self.batch_members.observe(len(self._batch))
            watch.cancel()
        for member in self._batch:
            member.follow_up()
        for member in self._batch:
            member.release()
        self._batch = []

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
        error = await self._try(write_together, batch)
        if error is not None and is_conflict(error):
            error = await self._try(write_together, batch)
        if error is not None and len(batch) > 1 and store_failure(error) is None:
            error = await self._try(write_one_by_one, batch)
        self._batch_error = None
        if error is not None:
            self._set_error(batch, error)

    async def _try(self, write: Callable[..., Awaitable[None]], batch: list[Member[Any]]) -> Exception | None:
        try:
            async with self._transaction() as connection:
                await write(connection, batch, self._off_loop)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the members', not the writer's
            return error
        except asyncio.CancelledError as error:
            if _is_being_cancelled():
                raise
            # A driver gave its statement up: nobody cancelled the writer.
            gave_up = unavailable("the connection was lost")
            gave_up.__cause__ = error
            return gave_up
        return None

    def _set_error(self, batch: list[Member[Any]], error: Exception) -> None:
        failure = store_failure(error)
        self._batch_error = None if failure is None else str(failure)
        for member in batch:
            member.outcome = error
            if failure is not None:  # each its own: a raised exception carries the trace of its raising
                member.outcome = StoreUnavailable(str(failure), failure.retry_after)
                member.outcome.__cause__ = error

    def _stalled(self) -> StoreUnavailable | None:
        if self._batch_since is None:
            return None
        seconds = time.monotonic() - self._batch_since
        return None if seconds < self._stalled_seconds else _stalled(seconds)

    def _refuse_waiting(self) -> None:
        """Refuse the callers behind a batch that does not end. Its own members wait on: it may still be committed."""
        members = self._take_queue()
        log.error(
            "writer.stalled", seconds=self._stalled_seconds, batch=len(self._batch), refused=len(members)
        )
        self._fail(members, lambda: _stalled(self._stalled_seconds))

    def _on_task_end(self, task: "asyncio.Task[None]") -> None:
        if not self._closing:
            log.error(
                "writer.stopped", cancelled=task.cancelled(), waiting=len(self._batch) + len(self._queue)
            )
        self._fail([*self._batch, *self._take_queue()], _closed if self._closing else _stopped)
        self._batch = []

    def _take_queue(self) -> list[Member[Any]]:
        members = list(self._queue)
        self._queue.clear()
        return members

    def _fail(self, members: list[Member[Any]], error: Callable[[], StoreUnavailable]) -> None:
        for member in members:
            member.outcome = error()
            member.release()


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _closed() -> StoreUnavailable:
    return StoreUnavailable("The database is closed.")


def _stopped() -> StoreUnavailable:
    return StoreUnavailable("The database writer has stopped: restart Breakwater.")


def _stalled(seconds: float) -> StoreUnavailable:
    return unavailable(f"a write has been waiting for {seconds:.0f} s")


def _failed() -> StoreUnavailable:
    return StoreUnavailable("The database writer failed; see the service log.")
