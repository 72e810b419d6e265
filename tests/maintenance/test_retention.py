"""Retention: what ended long ago goes, with all that hangs on it; what still waits stays however old it is."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.maintenance import retention
from breakwater.core.maintenance.retention import RetentionJob
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ATTEMPTS, DELIVERIES, ENDPOINTS, MESSAGES
from tests.contract.commands import message
from tests.contract.recorded_sql import explained
from tests.fakes import ManualClock, eventually

DAY = 86_400.0


async def seed(database: Database, now: float, days_ago: dict[str, float | None]) -> None:
    """Insert a delivery with its attempt per name, finished this number of days ago (None: still pending)."""
    created_at = now - 40 * DAY
    ended = {name: None if days is None else now - days * DAY for name, days in days_ago.items()}
    endpoint = {"id": "ep", "name": "", "url": "", "created_at": created_at, "updated_at": created_at}
    deliveries: list[dict[str, Any]] = [
        {
            "id": name,
            "message_id": name,
            "endpoint_id": "ep",
            "event_type": "a",
            "state": "pending" if at is None else "delivered",
            "finished_at": at,
            "created_at": created_at,
        }
        for name, at in ended.items()
    ]
    attempts = [
        {
            "id": name,
            "delivery_id": name,
            "endpoint_id": "ep",
            "number": 1,
            "trigger": "schedule",
            "started_at": created_at,
        }
        for name in days_ago
    ]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(ENDPOINTS), endpoint)
        await connection.execute(
            insert(MESSAGES), [message(name, created_at=created_at) for name in days_ago]
        )
        await connection.execute(insert(DELIVERIES), deliveries)
        await connection.execute(insert(ATTEMPTS), attempts)

    await database.writer.run(work)


async def left(database: Database) -> list[set[str]]:
    async with database.read() as connection:
        return [
            set((await connection.execute(select(table.c.id))).scalars())
            for table in (MESSAGES, DELIVERIES, ATTEMPTS)
        ]


async def test_only_deliveries_finished_before_the_retention_are_deleted(database: Database) -> None:
    clock = ManualClock()
    await seed(database, clock.now(), {"old": 31, "young": 29, "held": None})
    assert await RetentionJob(database=database, clock=clock, retention_days=30).prune() == 1
    assert await left(database) == [{"young", "held"}] * 3


async def test_a_backlog_of_old_deliveries_is_deleted_in_several_transactions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 3)
    clock = ManualClock()
    await seed(database, clock.now(), {f"old-{n}": 31 for n in range(10)} | {"young": 29})
    assert await RetentionJob(database=database, clock=clock, retention_days=30).prune() == 10
    assert await left(database) == [{"young"}] * 3


async def test_finished_deliveries_are_found_without_reading_pending_ones(database: Database) -> None:
    ended = DELIVERIES.c.finished_at
    old = select(DELIVERIES.c.id).where(ended < 1.0).order_by(ended).limit(retention.STEP_ROWS)
    async with database.read() as connection:
        plan = " ".join(await explained(connection, old))
    assert "ix_deliveries_finished" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


async def test_after_a_large_step_of_the_clock_nothing_is_deleted_for_a_day(database: Database) -> None:
    clock = ManualClock()
    await seed(database, clock.now(), {"young": 20})
    job = asyncio.create_task(RetentionJob(database=database, clock=clock, retention_days=30).run())
    await eventually(lambda: clock._sleepers)
    await clock.leap(20 * DAY)  # a calendar that was set wrong
    await clock.advance(DAY - 3600)
    await eventually(lambda: clock._sleepers)
    assert await left(database) == [{"young"}] * 3
    await clock.advance(2 * 3600)
    await eventually_gone(database)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def test_after_a_suspension_of_hours_retention_continues(database: Database) -> None:
    clock = ManualClock()
    await seed(database, clock.now(), {"old": 29.9})
    job = asyncio.create_task(RetentionJob(database=database, clock=clock, retention_days=30).run())
    await eventually(lambda: clock._sleepers)
    await clock.leap(12 * 3600)
    await eventually_gone(database)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def eventually_gone(database: Database) -> None:
    async with asyncio.timeout(5):
        while await left(database) != [set(), set(), set()]:  # noqa: ASYNC110 - a reader tells no event
            await asyncio.sleep(0.002)
