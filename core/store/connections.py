"""Connections kept and lent: the one that writes, and the pool of those that read."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from breakwater.core.store.failures import store_failure, unavailable


class WritingConnection:
    """The one connection that writes. It is replaced after a failure that leaves it in doubt."""

    def __init__(self, engine: AsyncEngine, *, idle_seconds: float = math.inf) -> None:
        """Use connections of `engine`; one that was idle for so long is asked whether it still stands."""
        self._engine = engine
        self._idle_seconds = idle_seconds
        self._connection: AsyncConnection | None = None
        self._used_at = 0.0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; leaving it commits, an exception rolls it back."""
        try:
            connection = await self._connected()
            async with connection.begin():
                yield connection
        except BaseException as error:
            # After a failed flush nobody knows what the operating system has kept; a connection that was cancelled may
            # still be at work. Either way a fresh one sees what is really there.
            if not isinstance(error, Exception) or store_failure(error) is not None:
                await self.close()
            raise
        self._used_at = asyncio.get_running_loop().time()

    async def _connected(self) -> AsyncConnection:
        if self._connection is not None and not await self._stands(self._connection):
            await self.close()
        if self._connection is None:
            self._connection = await _connected(self._engine)
        return self._connection

    async def _stands(self, connection: AsyncConnection) -> bool:
        if connection.closed or connection.invalidated:
            return False
        if asyncio.get_running_loop().time() - self._used_at < self._idle_seconds:
            return True
        try:
            async with connection.begin():
                await connection.exec_driver_sql("SELECT 1")
        except Exception as error:
            if store_failure(error) is None:
                raise
            return False
        return True

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
    """Lend a pooled connection in a transaction that ends, undone, with the block."""
    connection = await _connected(engine)
    try:
        await connection.begin()
        yield connection
    finally:
        # A reader that is cancelled gives its connection back all the same.
        await asyncio.shield(connection.close())


async def _connected(engine: AsyncEngine) -> AsyncConnection:
    try:
        return await engine.connect()
    except DBAPIError as error:
        # Whatever the server has against the connection, no statement can be at fault.
        raise store_failure(error) or unavailable(f"it refuses the connection ({error.orig})") from error
