"""History older than its retention is deleted, but for what pages still need."""

from typing import Any

from sqlalchemy import Table, select

from breakwater.core.domain.states import DeliveryState
from breakwater.core.maintenance.retention import RetentionJob
from breakwater.core.store.schema import AUDIT, ENDPOINTS, REPLAY_ITEMS, REPLAYS, TRANSITIONS
from tests.contract.stored import Stored
from tests.delivery.running_engine import RunningEngine

DAY = 86_400.0


async def column(stored: Stored, table: Table, name: str = "id") -> set[Any]:
    async with stored.database.read() as connection:
        return set((await connection.execute(select(table.c[name]))).scalars())


async def prune(stored: Stored) -> None:
    await RetentionJob(
        database=stored.database, clock=stored.clock, retention_days=30, audit_retention_days=365
    ).prune()


async def test_old_transitions_are_deleted_except_the_latest_into_each_state(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    for to_state in ("open", "half_open", "closed", "open", "half_open"):
        await stored.clock.advance(60)
        latest = await stored.transition(endpoint_id, "5 consecutive failures", to_state=to_state)
    await stored.clock.advance(31 * DAY)
    await prune(stored)
    assert sorted(await column(stored, TRANSITIONS, "to_state")) == ["closed", "half_open", "open"]
    assert len(await column(stored, TRANSITIONS)) == 3
    assert latest in await column(stored, TRANSITIONS)


async def test_transitions_within_the_retention_stay(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    for _ in range(3):
        await stored.clock.advance(60)
        await stored.transition(endpoint_id, "5 consecutive failures")
    await stored.clock.advance(29 * DAY)
    await prune(stored)
    assert len(await column(stored, TRANSITIONS)) == 3


async def test_audit_entries_have_a_longer_retention(stored: Stored) -> None:
    first = await stored.audit_entry("circuit.reset", "ep_1")
    await stored.clock.advance(40 * DAY)
    second = await stored.audit_entry("circuit.reset", "ep_1")
    await prune(stored)
    assert await column(stored, AUDIT) == {first, second}
    await stored.clock.advance(330 * DAY)
    await prune(stored)
    assert await column(stored, AUDIT) == {second}


async def test_items_of_old_replays_are_deleted_and_those_of_running_ones_are_not(stored: Stored) -> None:
    for replay_id, finished_at in (("rpl_old", stored.now), ("rpl_running", None)):
        await stored.write(REPLAYS, replay(replay_id, stored.now, finished_at))
        item = {"replay_id": replay_id, "delivery_id": "dlv_1", "attempts_before": 1, "resent_at": stored.now}
        await stored.write(REPLAY_ITEMS, item)
    await stored.clock.advance(31 * DAY)
    await prune(stored)
    assert await column(stored, REPLAY_ITEMS, "replay_id") == {"rpl_running"}


def replay(replay_id: str, now: float, finished_at: float | None) -> dict[str, Any]:
    return {
        "id": replay_id,
        "filter": "status=failed",
        "words": "failed deliveries",
        "up_to": "",
        "frozen_at": now,
        "pace": 50.0,
        "state": "running" if finished_at is None else "finished",
        "created_by": "person:ada",
        "created_at": now,
        "finished_at": finished_at,
        "total": 1,
        "total_is_bound": False,
        "cursor": "",
        "resent": 1,
        "skipped": 0,
    }


async def test_unused_adhoc_endpoints_are_deleted(stored: Stored) -> None:
    unused, used = [await stored.endpoint(name, adhoc_key=name) for name in ("unused", "used")]
    named = await stored.endpoint("named")
    await stored.delivery(used)
    await stored.clock.advance(31 * DAY)
    recent = await stored.endpoint("recent", adhoc_key="recent")
    await prune(stored)
    async with stored.database.read() as connection:
        live = set(
            (
                await connection.execute(select(ENDPOINTS.c.id).where(ENDPOINTS.c.deleted_at.is_(None)))
            ).scalars()
        )
    assert live == {used, named, recent}
    assert unused not in live


async def test_a_message_to_the_url_of_a_pruned_endpoint_gets_a_new_one(engine: RunningEngine) -> None:
    url = "https://billing.example/hook"
    delivery_id, endpoint_id = (await engine.send(url=url)).deliveries[0]
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    engine.clock._now += 31 * DAY
    job = RetentionJob(
        database=engine.runtime.database,
        clock=engine.clock,
        retention_days=30,
        on_endpoints_deleted=engine.runtime._endpoint_changes.mark_outdated,
    )
    await job.prune()
    await engine.quiet()
    assert engine.runtime.endpoint_cache.get(endpoint_id) is None
    delivery_id, new_id = (await engine.send(url=url)).deliveries[0]
    assert new_id != endpoint_id
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
