"""Access to connections: the one that writes, and the pool of readers."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from breakwater.core.store.failures import store_failure, unavailable

Begin = Callable[[AsyncConnection], AbstractAsyncContextManager[Any]]
"""Begins a transaction; leaving it commits, an exception rolls it back."""
_BEGIN: Final[Begin] = AsyncConnection.begin


class WritingConnection:
    """The one connection that writes. It is replaced after a failure that leaves it in doubt."""

    def __init__(self, engine: AsyncEngine, *, begin: Begin = _BEGIN, idle_seconds: float = math.inf) -> None:
        """Use a connection of `engine`. After `idle_seconds` without use it is tested before the next transaction."""
        self._engine = engine
        self._begin = begin
        self._idle_seconds = idle_seconds
        self._connection: AsyncConnection | None = None
        self._used_at = 0.0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; leaving it commits, an exception rolls it back."""
        async with self.idle() as connection, self._begin(connection):
            yield connection

    @asynccontextmanager
    async def idle(self) -> AsyncIterator[AsyncConnection]:
        """Provide the connection outside of a transaction."""
        try:
            yield await self._connect()
        except BaseException as error:
            # After a failed flush the state of the file is unknown, and a cancelled connection may still be busy. A
            # new connection reads what was really committed.
            if not isinstance(error, Exception) or store_failure(error) is not None:
                await self.close()
            raise
        self._used_at = asyncio.get_running_loop().time()

    async def _connect(self) -> AsyncConnection:
        if self._connection is not None and not await self._is_usable(self._connection):
            await self.close()
        if self._connection is None:
            self._connection = await _connect(self._engine)
        return self._connection

    async def _is_usable(self, connection: AsyncConnection) -> bool:
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
            with suppress(Exception):  # a broken connection is closed because it is broken
                await connection.invalidate()
            with suppress(Exception):  # see above
                await connection.close()


@asynccontextmanager
async def read_transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Provide a pooled connection in a transaction that is rolled back at the end of the block."""
    connection = await _connect(engine)
    try:
        await connection.begin()
        yield connection
    finally:
        # A cancelled reader must return its connection, too.
        await asyncio.shield(connection.close())


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    try:
        return await engine.connect()
    except DBAPIError as error:
        # No statement was sent, so the cause is always the database.
        raise store_failure(error) or unavailable(f"it refuses the connection ({error.orig})") from error
