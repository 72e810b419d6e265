"""The members of one transaction: what each writes, and its result."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, Protocol, Self, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import BreakwaterError
from breakwater.core.store.failures import store_failure

log = structlog.get_logger("breakwater.store")

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

OffLoop = Callable[[AsyncConnection], AbstractAsyncContextManager[None]]
"""Runs statements off the event loop within the block, see `Store.off_loop`."""


class Command(Protocol[R_co]):
    """A kind of write. All members of this kind in a batch are applied together, by a few short statements."""

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence[Self]
    ) -> Sequence[R_co | BreakwaterError]:
        """Write all `members` and return, in their order, the result or the error of each.

        A returned error concerns its member only. A raised error undoes the batch; its members are then applied one by
        one. So `apply` may be called again with the same members, and must keep nothing between calls.
        """
        ...


class WriteFunction:
    """A function as a command of its own kind. Its statements run off the event loop."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[AsyncConnection], Awaitable[Any]]) -> None:
        self.run = run


class Member(Generic[R]):
    """One caller's command, and the future by which the caller waits."""

    __slots__ = ("command", "done", "on_commit", "outcome")

    def __init__(
        self, command: Any, done: "asyncio.Future[R]", on_commit: Callable[[R], None] | None = None
    ) -> None:
        self.command = command
        self.done = done
        self.on_commit = on_commit
        self.outcome: Any = None

    def follow_up(self) -> None:
        """Call `on_commit` with the result, whether or not the caller still waits for it."""
        if self.on_commit is None or isinstance(self.outcome, BaseException):
            return
        try:
            self.on_commit(self.outcome)
        except Exception:  # the commit stands, and the writer must go on for the others
            log.exception("writer.follow_up_failed")

    def release(self) -> None:
        """Wake the caller with the outcome, unless it was cancelled."""
        if self.done.done():
            return
        if isinstance(self.outcome, BaseException):
            self.done.set_exception(self.outcome)
        else:
            self.done.set_result(self.outcome)


async def write_together(
    connection: AsyncConnection, members: Sequence[Member[Any]], off_loop: OffLoop
) -> None:
    """Apply all `members`, kind by kind in the order of their first arrival. Raises what any command raises."""
    groups: dict[object, list[Member[Any]]] = {}
    for member in members:
        kind = member if isinstance(member.command, WriteFunction) else type(member.command)
        groups.setdefault(kind, []).append(member)
    for group in groups.values():
        if isinstance(group[0].command, WriteFunction) and len(members) > 1:
            await _write_guarded(connection, group, off_loop)
        else:
            await _write_group(connection, group, off_loop)


async def write_one_by_one(
    connection: AsyncConnection, members: Sequence[Member[Any]], off_loop: OffLoop
) -> None:
    """Apply each member inside a savepoint, so that a failing one fails alone."""
    for member in members:
        await _write_guarded(connection, [member], off_loop)
        await asyncio.sleep(0)  # a thousand members must not block the event loop


async def _write_guarded(
    connection: AsyncConnection, group: Sequence[Member[Any]], off_loop: OffLoop
) -> None:
    # Not SQLAlchemy's savepoint: it does not roll back when releasing fails, as after an error that a member ignored. A
    # failure to set or to roll back to the savepoint concerns the whole batch.
    await connection.exec_driver_sql("SAVEPOINT member")
    try:
        await _write_group(connection, group, off_loop)
        await connection.exec_driver_sql("RELEASE SAVEPOINT member")
    except Exception as error:
        if store_failure(error) is not None:
            raise
        await connection.exec_driver_sql("ROLLBACK TO SAVEPOINT member")
        await connection.exec_driver_sql("RELEASE SAVEPOINT member")
        for member in group:
            member.outcome = error


async def _write_group(connection: AsyncConnection, group: Sequence[Member[Any]], off_loop: OffLoop) -> None:
    first = group[0].command
    if isinstance(first, WriteFunction):
        async with off_loop(connection):
            group[0].outcome = await first.run(connection)
        return
    outcomes = await type(first).apply(connection, [member.command for member in group])
    for member, outcome in zip(group, outcomes, strict=True):
        member.outcome = outcome
