"""What every kind of database offers to `Database`."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class Store(Protocol):
    """A database of one kind."""

    @property
    def exclusive(self) -> bool:
        """Whether no other process can have it open at the same time."""
        ...

    async def open(self) -> None:
        """Take it, check it, bring its schema to the newest. Raises StartRefused."""
        ...

    async def close(self) -> None:
        """Let go of it. Safe after an `open` that failed."""
        ...

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection in a transaction that can only read."""
        ...

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a transaction on the one connection that writes; leaving it commits, an exception rolls back.

        Used by one caller at a time. After a failure that leaves the connection in doubt, the next call opens another.
        """
        ...

    def off_loop(self, connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
        """Let statements of the writing `connection` be long: within the block the event loop goes on meanwhile."""
        ...
