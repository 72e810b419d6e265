"""Connections kept and lent: the one that writes, and the pool of those that read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.sql.failures import store_failure


class WritingConnection:
    """The one connection that writes. It is replaced after a failure that leaves it in doubt."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; leaving it commits, an exception rolls it back."""
        try:
            connection = await self._connected()
            async with connection.begin():
                yield connection
        except BaseException as error:
            # After a failed flush nobody knows what the operating system has kept; a connection that was cancelled
            # may still be at work. Either way a fresh one reads what is really there.
            if not isinstance(error, Exception) or store_failure(error) is not None:
                await self.close()
            raise

    async def _connected(self) -> AsyncConnection:
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            await self.close()
            self._connection = await self._engine.connect()
        return self._connection

    async def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # what is wrong with it is why it is closed
                await connection.invalidate()
            with suppress(Exception):  # see above
                await connection.close()


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Lend a pooled connection in a transaction that ends with the block."""
    async with engine.connect() as connection, connection.begin() as transaction:
        try:
            yield connection
        finally:
            if transaction.is_active:
                await transaction.rollback()
