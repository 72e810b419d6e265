"""A replay resends only the deliveries of its snapshot, also under load."""

import asyncio

import pytest

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.replays import runner
from tests.delivery.running_engine import RunningEngine
from tests.replays.test_replays import ADA, FAILED, failed, seconds, started

REFUSED = Response(400)
MATCHING = DeliveryFilter.parse({"status": "failed", "event_type": "one"})


async def attempts(engine: RunningEngine, ids: list[str]) -> list[int]:
    return [(await engine.row(delivery_id))["attempt_count"] for delivery_id in ids]


async def in_flight(engine: RunningEngine, event_type: str) -> str:
    """Return a delivery whose attempt hangs until the sender is released, and then fails."""
    engine.sender.hold()
    engine.sender.default = REFUSED
    delivery_id = await engine.send_one(event_type=event_type)
    await engine.reaches(delivery_id, DeliveryState.IN_FLIGHT)
    return delivery_id


async def test_under_load_each_match_is_resent_exactly_once(engine: RunningEngine) -> None:
    await engine.endpoint("one.example", event_types=["one"])
    await engine.endpoint("two.example", event_types=["two"])
    delivered = [await engine.send_one(event_type="one") for _ in range(5)]
    for delivery_id in delivered:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    other_type = await failed(engine, 10, event_type="two")
    matching = await failed(engine, 30, event_type="one")
    running = await in_flight(engine, "one")
    plan = await engine.runtime.replays.plan(MATCHING)
    await engine.clock.advance(1.0)
    engine.sender.release()
    await engine.reaches(running, DeliveryState.FAILED)

    replay = await engine.runtime.replays.start(plan, actor=ADA, pace=7)
    later_ids: list[str] = []
    for _ in range(7):
        kinds = ["one", "two"] * 10
        later_ids += await asyncio.gather(*(engine.send_one(event_type=kind) for kind in kinds))
        await seconds(engine, 1)

    assert set(await attempts(engine, matching)) == {2}
    outside = [*delivered, *other_type, running, *later_ids]
    assert set(await attempts(engine, outside)) == {1}
    results = await engine.runtime.replays.results(replay.id)
    assert [row.id for row in results.items] == matching
    view = await engine.runtime.replays.get(replay.id)
    assert (view.resent, view.skipped, view.total.value) == (30, 0, 30)


async def test_a_repeated_snapshot_never_includes_deliveries_that_were_in_flight(
    engine: RunningEngine,
) -> None:
    await engine.endpoint()
    await failed(engine, 2)
    running = await in_flight(engine, "invoice.paid")
    plan = await engine.runtime.replays.plan(FAILED)
    await engine.clock.advance(1.0)
    engine.sender.release()
    await engine.reaches(running, DeliveryState.FAILED)
    again = await engine.runtime.replays.plan(FAILED, plan.up_to, plan.frozen_at)
    assert (plan.total.value, again.total.value) == (2, 2)
    assert running not in [row.id for row in again.sample]


async def test_a_relative_end_is_fixed_when_the_snapshot_is_frozen(engine: RunningEngine) -> None:
    await engine.endpoint()
    old = await failed(engine, 6)
    await engine.clock.advance(30.0)
    young = await failed(engine, 6)
    await engine.clock.advance(28.0)
    replay = await started(engine, DeliveryFilter.parse({"status": "failed", "until": "30s"}), pace=2)
    await seconds(engine, 8)  # by now the young ones are older than 30 s too
    assert set(await attempts(engine, old)) == {2}
    assert set(await attempts(engine, young)) == {1}
    assert (await engine.runtime.replays.get(replay.id)).resent == 6


async def test_a_delivery_changed_between_read_and_resend_is_skipped(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.endpoint()
    first, second = await failed(engine, 2)
    plan = await engine.runtime.replays.plan(FAILED)
    await engine.clock.advance(1.0)
    engine.sender.default = REFUSED
    await engine.runtime.operations.deliveries.resend(first, actor="person:eve")
    await engine.attempted(first, 2)
    await engine.reaches(first, DeliveryState.FAILED)

    async def finds_as_it_was_before(
        _connection: object, _condition: object, after: str, _n: int
    ) -> list[str]:
        return [delivery_id for delivery_id in (first, second) if delivery_id > after]

    monkeypatch.setattr(runner, "next_ids", finds_as_it_was_before)
    replay = await engine.runtime.replays.start(plan, actor=ADA)
    await seconds(engine, 3)
    assert await attempts(engine, [first, second]) == [2, 2]
    view = await engine.runtime.replays.get(replay.id)
    assert (view.resent, view.skipped) == (1, 1)
