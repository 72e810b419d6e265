"""Group commit: everything that writes goes through here, and whoever waits at the same time shares a transaction.

A commit costs a disk flush, a row almost nothing. So a batch is whatever queued while the previous one committed: alone
when nothing else waits, hundreds under load, without a timer and without a setting.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from core.domain.errors import BreakwaterError, StoreUnavailable
from core.sql.failures import store_failure

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
T = TypeVar("T")

MAX_BATCH: Final = 1_000
"""Members of one transaction: what a caller waits for at most before its own batch begins."""

Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""Opens a write transaction; leaving it commits, an exception rolls it back."""


class Command(Protocol[R_co]):
    """A kind of write. All its members of a batch are applied in one go."""

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence[Self]
    ) -> Sequence[R_co | BreakwaterError]:
        """Write all `members`; return one result, or the error of that member alone, for each in their order.

        It may be called again with the same members after a rollback: it keeps nothing between calls. An error that
        is raised, not returned, undoes the batch; its members are then applied one by one.
        """
        ...


class _Member(Generic[R]):
    """One caller's command, and the future that the caller awaits."""

    __slots__ = ("command", "done", "outcome")

    def __init__(self, command: Any, done: "asyncio.Future[R]") -> None:
        self.command = command
        self.done = done
        self.outcome: R | BaseException | None = None


class GroupCommitWriter:
    """The one path of writes. `submit` returns after the commit that holds the caller's rows."""

    def __init__(self, transaction: Transaction, *, max_batch: int = MAX_BATCH) -> None:
        self._transaction = transaction
        self._max_batch = max_batch
        self._queue: deque[_Member[Any]] = deque()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.last_error: str | None = None
        """Why the latest batch could not be written; None when it was."""

    @property
    def healthy(self) -> bool:
        """Whether the latest batch was committed."""
        return self.last_error is None

    def start(self) -> None:
        """Begin to write."""
        self._closing = False
        self._task = asyncio.create_task(self._write_batches(), name="group-commit-writer")

    async def close(self) -> None:
        """Write what is queued, then stop. Later submissions are refused with `StoreUnavailable`."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def submit(self, command: Command[R]) -> R:
        """Write `command` and return its result, after the commit.

        Raises the error that stands in its slot, or `StoreUnavailable` when the database cannot commit just now. A caller
        that is cancelled meanwhile does not know whether its command was written; the others are not affected.
        """
        return await self._enqueue(command)

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Write by a function instead of a command; it shares the transaction as a member of its own.

        What `work` raises undoes its own statements only, and is raised here. It may be called twice, see `Command`.
        """
        return await self._enqueue(_Work(work))

    async def _enqueue(self, command: Any) -> Any:
        if self._closing or self._task is None:
            raise StoreUnavailable("The database is closed", retry_after=1.0)
        member: _Member[Any] = _Member(command, asyncio.get_running_loop().create_future())
        self._queue.append(member)
        self._arrived.set()
        return await member.done

    async def _write_batches(self) -> None:
        while not (self._closing and not self._queue):
            await self._arrived.wait()
            # One turn of the loop, so that callers released by the previous commit join this one.
            await asyncio.sleep(0)
            if batch := self._next_batch():
                await self._write(batch)
                _release(batch)

    def _next_batch(self) -> list[_Member[Any]]:
        batch: list[_Member[Any]] = []
        while self._queue and len(batch) < self._max_batch:
            member = self._queue.popleft()
            if not member.done.cancelled():
                batch.append(member)
        if not self._queue and not self._closing:
            self._arrived.clear()
        return batch

    async def _write(self, batch: list[_Member[Any]]) -> None:
        """Give each member its outcome. Never raises for what a database or a command does."""
        try:
            async with self._transaction() as connection:
                for group in _groups(batch):
                    await _apply(connection, group)
        except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to members, not to the writer
            await self._write_after(error, batch)
        else:
            self.last_error = None

    async def _write_after(self, error: Exception, batch: list[_Member[Any]]) -> None:
        unavailable = store_failure(error)
        if unavailable is None and len(batch) > 1:
            await self._write_one_by_one(batch)
            return
        self.last_error = None if unavailable is None else str(unavailable)
        for member in batch:
            member.outcome = unavailable or error

    async def _write_one_by_one(self, batch: list[_Member[Any]]) -> None:
        """Write the members of a batch that failed, each in a transaction of its own: who failed, fails alone."""
        for member in batch:
            await self._write([member])


class _Work:
    """A function as a command: always a group of its own, inside a savepoint."""

    __slots__ = ("work",)

    def __init__(self, work: Callable[[AsyncConnection], Awaitable[Any]]) -> None:
        self.work = work


def _groups(batch: Sequence[_Member[Any]]) -> list[list[_Member[Any]]]:
    """Return the members by class of command, classes in order of their first arrival."""
    groups: dict[object, list[_Member[Any]]] = {}
    for member in batch:
        kind = member if isinstance(member.command, _Work) else type(member.command)
        groups.setdefault(kind, []).append(member)
    return list(groups.values())


async def _apply(connection: AsyncConnection, group: list[_Member[Any]]) -> None:
    first = group[0].command
    if isinstance(first, _Work):
        group[0].outcome = await _apply_work(connection, first)
        return
    outcomes = await type(first).apply(connection, [member.command for member in group])
    for member, outcome in zip(group, outcomes, strict=True):
        member.outcome = outcome


async def _apply_work(connection: AsyncConnection, work: _Work) -> Any:
    try:
        async with connection.begin_nested():
            return await work.work(connection)
    except Exception as error:
        if store_failure(error) is not None:
            raise
        return error


def _release(batch: Sequence[_Member[Any]]) -> None:
    """Wake the callers. One that was cancelled meanwhile is passed over."""
    for member in batch:
        if member.done.done():
            continue
        if isinstance(member.outcome, BaseException):
            member.done.set_exception(member.outcome)
        else:
            member.done.set_result(member.outcome)
