"""Maintenance of any number of rows: each transaction is small, so that nothing else waits for a long one."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.maintenance import retention
from breakwater.core.maintenance.retention import RetentionJob
from breakwater.core.maintenance.stats_rollup import HALF_HOUR, STEP_ENDPOINTS, StatsRollup
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import (
    ALL_ENDPOINTS,
    ATTEMPTS,
    DELIVERIES,
    HALF_HOUR_STATS,
    IDEMPOTENCY_KEYS,
    MESSAGES,
    MINUTE_STATS,
)
from breakwater.core.store.writer import STEP_ROWS
from tests.contract.commands import message
from tests.contract.write_sizes import write_sizes
from tests.fakes import ManualClock
from tests.maintenance.test_retention import DAY, seed


async def store(database: Database, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    async def work(connection: AsyncConnection) -> None:
        for start in range(0, len(rows), 1_000):
            await connection.execute(insert(table), list(rows[start : start + 1_000]))

    await database.writer.run(work)


async def count(database: Database, table: Table) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def prune(database: Database, clock: ManualClock) -> list[int]:
    """Prune, and return how many rows each transaction changed."""
    with write_sizes(database) as sizes:
        await RetentionJob(database=database, clock=clock, retention_days=30).prune()
    return sizes


async def test_deliveries_and_attempts_are_deleted_in_small_transactions(database: Database) -> None:
    clock = ManualClock()
    await seed(database, clock.now(), {f"old-{n:04}": 31 + n / 1_000 for n in range(1_200)})
    attempt = {"endpoint_id": "ep", "trigger": "schedule", "started_at": 1.0}
    more = [
        {"id": f"{n:04}-{number}", "delivery_id": f"old-{n:04}", "number": number, **attempt}
        for n in range(1_200)
        for number in (2, 3)
    ]
    await store(database, ATTEMPTS, more)
    await database.writer.run(lambda c: c.execute(DELIVERIES.update().values(attempt_count=3)))
    sizes = await prune(database, clock)
    assert max(sizes) <= STEP_ROWS
    assert [await count(database, table) for table in (DELIVERIES, ATTEMPTS, MESSAGES)] == [0, 0, 0]


async def test_a_delivery_with_more_attempts_than_a_step_is_deleted_in_one(database: Database) -> None:
    clock = ManualClock()
    await seed(database, clock.now(), {"old": 31, "older": 32})
    await database.writer.run(lambda c: c.execute(DELIVERIES.update().values(attempt_count=STEP_ROWS * 2)))
    await prune(database, clock)
    assert await count(database, DELIVERIES) == 0


async def test_large_messages_are_deleted_in_small_transactions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP_BYTES", 1_000)
    monkeypatch.setattr(retention, "STEP_ROWS", 10)
    clock = ManualClock()
    old = clock.now() - 31 * DAY
    large = [message(f"m{n:03}", created_at=old + n // 7, payload=b"x" * 400) for n in range(50)]
    await store(database, MESSAGES, [*large, message("young", created_at=clock.now())])
    await seed(database, clock.now() - 31 * DAY, {"waits": None})
    sizes = await prune(database, clock)
    assert max(sizes) == 2
    async with database.read() as connection:
        left = set((await connection.execute(select(MESSAGES.c.id))).scalars())
    assert left == {"young", "waits"}


async def test_expired_idempotency_keys_are_deleted_in_small_transactions(database: Database) -> None:
    clock = ManualClock()
    keys = [
        {
            "scope": f"key-{n % 3}",
            "key": f"order-{n:05}",
            "fingerprint": "",
            "message_id": "m",
            "expires_at": clock.now() + (1 if n % 10 == 0 else -1),
        }
        for n in range(4_000)
    ]
    await store(database, IDEMPOTENCY_KEYS, keys)
    sizes = await prune(database, clock)
    assert max(sizes) <= STEP_ROWS
    assert await count(database, IDEMPOTENCY_KEYS) == 400


def stats(endpoints: int, minutes: Sequence[int]) -> list[dict[str, Any]]:
    ids = [*(f"ep_{n:03}" for n in range(endpoints)), ALL_ENDPOINTS]
    return [
        {"endpoint_id": id_, "minute": minute, "outcome": "success", "latency_bucket": 3, "attempts": 2}
        for id_ in ids
        for minute in minutes
    ]


@pytest.mark.parametrize("table", [MINUTE_STATS, HALF_HOUR_STATS], ids=lambda table: table.name)
async def test_statistics_are_deleted_in_small_transactions(database: Database, table: Table) -> None:
    clock = ManualClock()
    cutoff = int((clock.now() - 30 * DAY) // 60)
    await store(database, table, stats(120, range(cutoff - 20, cutoff + 2)))
    sizes = await prune(database, clock)
    assert max(sizes) <= STEP_ROWS
    async with database.read() as connection:
        left = (await connection.execute(select(func.min(table.c.minute), func.count()))).one()
    assert tuple(left) == (cutoff, 121 * 2)


async def test_a_half_hour_of_many_endpoints_is_summed_up_in_small_transactions(database: Database) -> None:
    clock = ManualClock()
    first = int(clock.now() // 60) // HALF_HOUR * HALF_HOUR - 2 * HALF_HOUR
    await store(database, MINUTE_STATS, stats(120, range(first, first + HALF_HOUR)))
    with write_sizes(database) as sizes:
        assert await StatsRollup(database, clock).roll_up() == 1
    assert sizes == [STEP_ENDPOINTS, STEP_ENDPOINTS, 120 - 2 * STEP_ENDPOINTS, 1]
    async with database.read() as connection:
        sums = (await connection.execute(select(HALF_HOUR_STATS.c.attempts).distinct())).scalars().all()
    assert list(sums) == [2 * HALF_HOUR]
