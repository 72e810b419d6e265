"""Retention: what ended long ago leaves the database, a little at a time."""

from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Select, Table, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import (
    ATTEMPTS,
    DELIVERIES,
    HALF_HOUR_STATS,
    IDEMPOTENCY_KEYS,
    MESSAGES,
    MINUTE_STATS,
)

log = structlog.get_logger("breakwater.pruner")

ROUND_SECONDS: Final = 600.0
CHUNK: Final = 500
"""Rows of one transaction: deliveries that are being sent wait for it."""


class RetentionJob:
    """Deletes final deliveries, their attempts, messages without deliveries, old statistics and expired keys."""

    def __init__(self, *, database: Database, clock: Clock, retention_days: float) -> None:
        self._database = database
        self._clock = clock
        self._retention = retention_days * 86_400.0

    async def run(self) -> None:
        """Prune every ten minutes, for ever."""
        while True:
            await self.prune()
            await self._clock.sleep(ROUND_SECONDS)

    async def prune(self) -> int:
        """Delete what is older than the retention; return how many deliveries went."""
        before = self._clock.now() - self._retention
        pruned = await self._drain(lambda connection: _prune_deliveries(connection, before))
        await self._drain(lambda connection: _prune_messages(connection, before))
        await self._database.writer.run(lambda connection: self._forget(connection, before))
        if pruned:
            log.info("pruner.pruned", deliveries=pruned)
        return pruned

    async def _drain(self, chunk: Any) -> int:
        total = 0
        while gone := await self._database.writer.run(chunk):
            total += gone
        return total

    async def _forget(self, connection: AsyncConnection, before: float) -> None:
        expired = IDEMPOTENCY_KEYS.c.expires_at <= self._clock.now()
        await connection.execute(delete(IDEMPOTENCY_KEYS).where(expired))
        for stats in (MINUTE_STATS, HALF_HOUR_STATS):
            await connection.execute(delete(stats).where(stats.c.minute < int(before // 60)))


async def _prune_deliveries(connection: AsyncConnection, before: float) -> int:
    # Only what is final has ended; asking for the states too would make SQLite read the index of states instead.
    ended = DELIVERIES.c.finished_at
    ids = await _ids(connection, select(DELIVERIES.c.id).where(ended < before).order_by(ended).limit(CHUNK))
    if ids:
        await _delete(connection, ATTEMPTS, ATTEMPTS.c.delivery_id.in_(ids))
        await _delete(connection, DELIVERIES, DELIVERIES.c.id.in_(ids))
    return len(ids)


async def _prune_messages(connection: AsyncConnection, before: float) -> int:
    used = exists().where(DELIVERIES.c.message_id == MESSAGES.c.id)
    old = select(MESSAGES.c.id).where(MESSAGES.c.created_at < before, ~used).limit(CHUNK)
    ids = await _ids(connection, old)
    if ids:
        await _delete(connection, MESSAGES, MESSAGES.c.id.in_(ids))
    return len(ids)


async def _ids(connection: AsyncConnection, statement: Select[Any]) -> list[str]:
    return list((await connection.execute(statement)).scalars())


async def _delete(connection: AsyncConnection, table: Table, which: ColumnElement[bool]) -> None:
    await connection.execute(delete(table).where(which))
