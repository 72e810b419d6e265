"""The interface of each kind of database, for `Database`."""

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
        """Open and check it, and migrate it to the newest schema. Raises StartRefused."""
        ...

    async def close(self) -> None:
        """Release it. Safe after an `open` that failed."""
        ...

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Provide a connection in a transaction that can only read."""
        ...

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a transaction on the one connection that writes; leaving it commits, an exception rolls back.

        One caller at a time. After a failure with an unknown result, the next call opens another connection.
        """
        ...

    def off_loop(self, connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
        """Run statements of the writing `connection` off the event loop within the block."""
        ...
