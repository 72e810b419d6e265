"""Bulk resends: which deliveries they cover, and at which pace."""

import asyncio

import pytest

from breakwater.core.domain.errors import Conflict, InvalidInput
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.replays import ReplayState, ReplayView
from breakwater.core.replays.outcome_counts import OutcomeCounts, Outcomes
from breakwater.core.replays.runner import ReplayRunner
from breakwater.core.store.schema import REPLAY_ITEMS
from tests.delivery.running_engine import RunningEngine

ADA = "person:ada"
FAILED = DeliveryFilter.parse({"status": "failed"})


async def failed(engine: RunningEngine, count: int, **fields: object) -> list[str]:
    engine.sender.default = Response(400)
    ids = [await engine.send_one(**fields) for _ in range(count)]
    for delivery_id in ids:
        await engine.reaches(delivery_id, DeliveryState.FAILED)
    engine.sender.default = Response(200)
    engine.sender.requests.clear()
    return ids


async def started(engine: RunningEngine, filters: DeliveryFilter = FAILED, pace: float = 50.0) -> ReplayView:
    plan = await engine.runtime.replays.plan(filters)
    return await engine.runtime.replays.start(plan, actor=ADA, pace=pace, reason="receiver fixed")


async def seconds(engine: RunningEngine, count: int) -> None:
    """Let the replay take this number of steps, one per second."""
    for _ in range(count):
        await engine.clock.advance(1.0)
        await engine.quiet()


async def test_the_dry_run_counts_names_endpoints_and_shows_a_sample(engine: RunningEngine) -> None:
    await engine.endpoint("one.example", event_types=["one"])
    await engine.endpoint("two.example", event_types=["two"])
    first = await failed(engine, 3, event_type="one")
    await failed(engine, 4, event_type="two")
    plan = await engine.runtime.replays.plan(FAILED)
    assert (plan.total.value, plan.words) == (7, "failed deliveries")
    assert [(name, count) for _id, name, count in plan.endpoints] == [("two.example", 4), ("one.example", 3)]
    assert [row.id for row in plan.sample][:3] == first
    assert engine.sender.requests == []


async def test_deliveries_of_a_deleted_endpoint_are_skipped_and_unchanged(
    engine: RunningEngine,
) -> None:
    await engine.endpoint("one.example", event_types=["one"])
    gone = await engine.endpoint("gone.example", event_types=["gone"])
    resent = await failed(engine, 2, event_type="one")
    left_out = await failed(engine, 3, event_type="gone")
    await engine.runtime.endpoints.delete(gone, actor=ADA)
    everything = DeliveryFilter.parse({})
    for filters in (FAILED, everything, DeliveryFilter.parse({"class": "client_error"})):
        plan = await engine.runtime.replays.plan(filters)
        assert (plan.total.value, [name for _id, name, _count in plan.endpoints]) == (2, ["one.example"])
        assert plan.deleted_endpoints == ((gone, "gone.example", 3),)
        assert [row.id for row in plan.sample] == resent
    replay = await started(engine)
    await seconds(engine, 3)
    finished = await engine.runtime.replays.get(replay.id)
    assert (finished.state, finished.resent, finished.skipped) == (ReplayState.FINISHED, 2, 0)
    for delivery_id in left_out:
        detail = await engine.runtime.queries.deliveries.get(delivery_id)
        assert (detail.row.state, detail.row.endpoint_deleted) == (DeliveryState.FAILED, True)
    with pytest.raises(Conflict):
        await started(engine, DeliveryFilter.parse({"endpoint": gone}))


async def test_an_endpoint_deleted_during_its_replay_gets_no_further_deliveries(
    engine: RunningEngine,
) -> None:
    gone = await engine.endpoint("gone.example", event_types=["gone"])
    ids = await failed(engine, 4, event_type="gone")
    replay = await started(engine, pace=1.0)
    await seconds(engine, 1)
    await engine.runtime.endpoints.delete(gone, actor=ADA)
    await seconds(engine, 2)
    finished = await engine.runtime.replays.get(replay.id)
    assert (finished.state, finished.resent, finished.skipped) == (ReplayState.FINISHED, 1, 3)
    states = [(await engine.runtime.queries.deliveries.get(id_)).row.state for id_ in ids]
    assert states == [DeliveryState.DELIVERED, *[DeliveryState.FAILED] * 3]


async def test_a_replay_resends_only_matches_at_its_pace(engine: RunningEngine) -> None:
    await engine.endpoint("one.example", event_types=["one"])
    await engine.endpoint("two.example", event_types=["two"])
    matching = await failed(engine, 5, event_type="one")
    others = await failed(engine, 5, event_type="two")
    filters = DeliveryFilter.parse({"status": "failed", "event_type": "one"})
    replay = await started(engine, filters, pace=2)
    await seconds(engine, 1)
    assert len(engine.sender.requests) <= 4
    await seconds(engine, 6)
    for delivery_id in matching:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    for delivery_id in others:
        assert await engine.state(delivery_id) is DeliveryState.FAILED
    view = await engine.runtime.replays.get(replay.id)
    assert (view.state, view.resent, view.outcomes) == (ReplayState.FINISHED, 5, {DeliveryState.DELIVERED: 5})
    results = await engine.runtime.replays.results(replay.id)
    assert [row.id for row in results.items] == matching


async def test_the_outcomes_of_a_large_replay_are_counted_every_few_seconds(engine: RunningEngine) -> None:
    await engine.endpoint()
    await failed(engine, 3)
    replay = await started(engine)
    counts = OutcomeCounts(engine.clock, always_up_to=2)

    async def counted(resent: int) -> Outcomes:
        async with engine.runtime.database.read() as connection:
            return await counts.get(connection, replay.id, resent)

    begun = await counted(resent=100_000)
    await seconds(engine, 1)
    assert await counted(resent=100_000) is begun, "what a hundred thousand came to stands for two seconds"
    assert (await counted(resent=2)).by_state == {DeliveryState.DELIVERED: 3}, "a few are always counted"
    await seconds(engine, 2)
    again = await counted(resent=100_000)
    assert (again.by_state, again.counted_at) == ({DeliveryState.DELIVERED: 3}, engine.clock.now())


async def test_deliveries_that_fail_after_the_snapshot_are_not_resent(engine: RunningEngine) -> None:
    await engine.endpoint()
    early = await failed(engine, 3)
    engine.sender.hold()
    engine.sender.default = Response(400)
    in_flight = await engine.send_one()
    await engine.clock.advance(1.0)
    plan = await engine.runtime.replays.plan(FAILED)
    assert plan.total.value == 3
    await engine.clock.advance(1.0)
    engine.sender.release()
    await engine.reaches(in_flight, DeliveryState.FAILED)
    later_id = await engine.send_one()
    await engine.reaches(later_id, DeliveryState.FAILED)
    engine.sender.default = Response(200)
    replay = await engine.runtime.replays.start(plan, actor=ADA)
    await seconds(engine, 4)
    for delivery_id in early:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert await engine.state(in_flight) is DeliveryState.FAILED
    assert await engine.state(later_id) is DeliveryState.FAILED
    assert (await engine.runtime.replays.get(replay.id)).resent == 3


async def test_deliveries_that_arrive_during_a_replay_are_not_resent(engine: RunningEngine) -> None:
    await engine.endpoint()
    early = await failed(engine, 40)
    replay = await started(engine, pace=10)
    engine.sender.default = Response(400)
    later_id: list[str] = []
    for _ in range(7):
        later_id += await asyncio.gather(*(engine.send_one() for _ in range(20)))
        await seconds(engine, 1)
    counts = {
        delivery_id: (await engine.row(delivery_id))["attempt_count"] for delivery_id in (*early, *later_id)
    }
    assert {counts[delivery_id] for delivery_id in early} == {2}
    assert {counts[delivery_id] for delivery_id in later_id} == {1}
    assert (await engine.runtime.replays.get(replay.id)).resent == 40


async def test_a_replay_pauses_resumes_and_cancels(engine: RunningEngine) -> None:
    await engine.endpoint()
    await failed(engine, 10)
    replay = await started(engine, pace=2)
    await seconds(engine, 2)
    done = await engine.runtime.replays.pause(replay.id, actor=ADA)
    sent = len(engine.sender.requests)
    assert 0 < sent < 10
    assert done.affected == sent
    await seconds(engine, 5)
    assert len(engine.sender.requests) == sent
    await engine.runtime.replays.resume(replay.id, actor=ADA)
    await seconds(engine, 1)
    await engine.runtime.replays.cancel(replay.id, actor=ADA)
    sent = len(engine.sender.requests)
    assert sent < 10
    await seconds(engine, 5)
    assert len(engine.sender.requests) == sent
    with pytest.raises(Conflict):
        await engine.runtime.replays.resume(replay.id, actor=ADA)


async def test_one_filter_has_one_replay_at_a_time(engine: RunningEngine) -> None:
    await engine.endpoint()
    await failed(engine, 3)
    plan = await engine.runtime.replays.plan(FAILED)
    first = await engine.runtime.replays.start(plan, actor=ADA, pace=0.001)
    with pytest.raises(Conflict, match=first.id):
        await engine.runtime.replays.start(plan, actor=ADA)
    await engine.runtime.replays.cancel(first.id, actor=ADA)
    await engine.runtime.replays.start(plan, actor=ADA)


async def test_an_empty_replay_and_an_invalid_pace_are_refused(engine: RunningEngine) -> None:
    await engine.endpoint()
    with pytest.raises(Conflict):
        await started(engine)
    await failed(engine, 1)
    with pytest.raises(InvalidInput):
        await started(engine, pace=0)


async def test_a_replay_respects_an_open_circuit(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    ids = await failed(engine, 3)
    await engine.runtime.operations.circuits.hold(endpoint_id, actor=ADA, reason="migration")
    await started(engine)
    await seconds(engine, 3)
    assert engine.sender.requests == []
    assert {await engine.state(delivery_id) for delivery_id in ids} == {DeliveryState.PENDING}


async def test_a_replay_is_audited_with_actor_filter_and_reason(engine: RunningEngine) -> None:
    await engine.endpoint()
    await failed(engine, 2)
    replay = await started(engine)
    await seconds(engine, 3)
    entries = (await engine.runtime.queries.audit.list(subject=replay.id)).items
    assert [(entry.actor, entry.action, entry.affected) for entry in reversed(entries)] == [
        (ADA, "replay.start", 2),
        ("breakwater", "replay.finish", 2),
    ]
    assert entries[-1].reason == "receiver fixed"


async def test_a_repeated_snapshot_excludes_changed_deliveries(engine: RunningEngine) -> None:
    await engine.endpoint()
    first, *_ = await failed(engine, 3)
    plan = await engine.runtime.replays.plan(FAILED)
    await engine.clock.advance(1.0)
    await failed(engine, 2)
    await engine.runtime.operations.deliveries.resend(first, actor=ADA)
    await engine.reaches(first, DeliveryState.DELIVERED)
    again = await engine.runtime.replays.plan(FAILED, plan.up_to, plan.frozen_at)
    assert (again.total.value, again.frozen_at) == (2, plan.frozen_at)
    assert (await engine.runtime.replays.plan(FAILED, plan.up_to, plan.frozen_at + 1e9)).total.value == 2


async def test_the_dry_run_counts_states(engine: RunningEngine) -> None:
    await engine.endpoint()
    delivered = await engine.send_one()
    await engine.reaches(delivered, DeliveryState.DELIVERED)
    await failed(engine, 2)
    plan = await engine.runtime.replays.plan(DeliveryFilter())
    assert plan.states == {DeliveryState.DELIVERED: 1, DeliveryState.FAILED: 2}


async def test_two_nodes_that_advance_one_replay_resend_and_count_each_delivery_once(
    engine: RunningEngine,
) -> None:
    await engine.endpoint()
    ids = await failed(engine, 3)
    replay = await started(engine, pace=2)
    for _ in range(2):
        await ReplayRunner(engine.runtime._context)._resend(replay.id, ids[:2])  # both have read the same ids
    view = await engine.runtime.replays.get(replay.id)
    assert (view.resent, view.skipped) == (2, 0)
    assert {item["delivery_id"] for item in await engine.rows(REPLAY_ITEMS)} == set(ids[:2])
