"""Bulk resends: what they cover, how fast, and what they never touch."""

import asyncio

import pytest

from breakwater.core.domain.errors import Conflict, InvalidInput
from breakwater.core.domain.outcome import Answered
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.replays import ReplayState, ReplayView
from breakwater.core.replays.outcomes import OutcomeCounts, Outcomes
from tests.delivery.harbour import Harbour

ADA = "person:ada"
FAILED = DeliveryFilter.parse({"status": "failed"})


async def failed(harbour: Harbour, count: int, **fields: object) -> list[str]:
    harbour.sender.default = Answered(400)
    ids = [await harbour.send_one(**fields) for _ in range(count)]
    for delivery_id in ids:
        await harbour.reaches(delivery_id, DeliveryState.FAILED)
    harbour.sender.default = Answered(200)
    harbour.sender.requests.clear()
    return ids


async def started(harbour: Harbour, wanted: DeliveryFilter = FAILED, pace: float = 50.0) -> ReplayView:
    plan = await harbour.runtime.replays.plan(wanted)
    return await harbour.runtime.replays.start(plan, actor=ADA, pace=pace, reason="receiver fixed")


async def seconds(harbour: Harbour, count: int) -> None:
    """Let the replay take so many steps: one a second."""
    for _ in range(count):
        await harbour.clock.advance(1.0)
        await harbour.quiet()


async def test_the_dry_run_counts_names_endpoints_and_shows_a_sample(harbour: Harbour) -> None:
    await harbour.endpoint("one.example", event_types=["one"])
    await harbour.endpoint("two.example", event_types=["two"])
    first = await failed(harbour, 3, event_type="one")
    await failed(harbour, 4, event_type="two")
    plan = await harbour.runtime.replays.plan(FAILED)
    assert (plan.total.value, plan.words) == (7, "failed deliveries")
    assert [(name, count) for _id, name, count in plan.endpoints] == [("two.example", 4), ("one.example", 3)]
    assert [row.id for row in plan.sample][:3] == first
    assert harbour.sender.requests == []


async def test_a_replay_resends_what_matches_at_its_pace_and_nothing_else(harbour: Harbour) -> None:
    await harbour.endpoint("one.example", event_types=["one"])
    await harbour.endpoint("two.example", event_types=["two"])
    meant = await failed(harbour, 5, event_type="one")
    others = await failed(harbour, 5, event_type="two")
    wanted = DeliveryFilter.parse({"status": "failed", "event_type": "one"})
    replay = await started(harbour, wanted, pace=2)
    await seconds(harbour, 1)
    assert len(harbour.sender.requests) <= 4
    await seconds(harbour, 6)
    for delivery_id in meant:
        await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    for delivery_id in others:
        assert await harbour.state(delivery_id) is DeliveryState.FAILED
    view = await harbour.runtime.replays.get(replay.id)
    assert (view.state, view.resent, view.outcomes) == (ReplayState.FINISHED, 5, {DeliveryState.DELIVERED: 5})
    results = await harbour.runtime.replays.results(replay.id)
    assert [row.id for row in results.items] == meant


async def test_what_became_of_a_large_replay_is_counted_every_few_seconds(harbour: Harbour) -> None:
    await harbour.endpoint()
    await failed(harbour, 3)
    replay = await started(harbour)
    counts = OutcomeCounts(harbour.clock, always_up_to=2)

    async def counted(resent: int) -> Outcomes:
        async with harbour.runtime.database.read() as connection:
            return await counts.of(connection, replay.id, resent)

    begun = await counted(resent=100_000)
    await seconds(harbour, 1)
    assert await counted(resent=100_000) is begun, "what a hundred thousand came to stands for two seconds"
    assert (await counted(resent=2)).by_state == {DeliveryState.DELIVERED: 3}, "a few are always counted"
    await seconds(harbour, 2)
    again = await counted(resent=100_000)
    assert (again.by_state, again.counted_at) == ({DeliveryState.DELIVERED: 3}, harbour.clock.now())


async def test_what_fails_after_the_snapshot_is_never_touched(harbour: Harbour) -> None:
    await harbour.endpoint()
    early = await failed(harbour, 3)
    harbour.sender.hold()
    harbour.sender.default = Answered(400)
    under_way = await harbour.send_one()
    await harbour.clock.advance(1.0)
    plan = await harbour.runtime.replays.plan(FAILED)
    assert plan.total.value == 3
    await harbour.clock.advance(1.0)
    harbour.sender.let_go()
    await harbour.reaches(under_way, DeliveryState.FAILED)
    late = await harbour.send_one()
    await harbour.reaches(late, DeliveryState.FAILED)
    harbour.sender.default = Answered(200)
    replay = await harbour.runtime.replays.start(plan, actor=ADA)
    await seconds(harbour, 4)
    for delivery_id in early:
        await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    assert await harbour.state(under_way) is DeliveryState.FAILED
    assert await harbour.state(late) is DeliveryState.FAILED
    assert (await harbour.runtime.replays.get(replay.id)).resent == 3


async def test_what_arrives_under_load_while_it_runs_is_never_touched(harbour: Harbour) -> None:
    await harbour.endpoint()
    early = await failed(harbour, 40)
    replay = await started(harbour, pace=10)
    harbour.sender.default = Answered(400)
    late: list[str] = []
    for _ in range(7):
        late += await asyncio.gather(*(harbour.send_one() for _ in range(20)))
        await seconds(harbour, 1)
    counts = {
        delivery_id: (await harbour.row(delivery_id))["attempt_count"] for delivery_id in (*early, *late)
    }
    assert {counts[delivery_id] for delivery_id in early} == {2}
    assert {counts[delivery_id] for delivery_id in late} == {1}
    assert (await harbour.runtime.replays.get(replay.id)).resent == 40


async def test_it_pauses_resumes_and_cancels(harbour: Harbour) -> None:
    await harbour.endpoint()
    await failed(harbour, 10)
    replay = await started(harbour, pace=2)
    await seconds(harbour, 2)
    done = await harbour.runtime.replays.pause(replay.id, actor=ADA)
    sent = len(harbour.sender.requests)
    assert 0 < sent < 10
    assert done.affected == sent
    await seconds(harbour, 5)
    assert len(harbour.sender.requests) == sent
    await harbour.runtime.replays.resume(replay.id, actor=ADA)
    await seconds(harbour, 1)
    await harbour.runtime.replays.cancel(replay.id, actor=ADA)
    sent = len(harbour.sender.requests)
    assert sent < 10
    await seconds(harbour, 5)
    assert len(harbour.sender.requests) == sent
    with pytest.raises(Conflict):
        await harbour.runtime.replays.resume(replay.id, actor=ADA)


async def test_one_filter_has_one_replay_at_a_time(harbour: Harbour) -> None:
    await harbour.endpoint()
    await failed(harbour, 3)
    plan = await harbour.runtime.replays.plan(FAILED)
    first = await harbour.runtime.replays.start(plan, actor=ADA, pace=0.001)
    with pytest.raises(Conflict, match=first.id):
        await harbour.runtime.replays.start(plan, actor=ADA)
    await harbour.runtime.replays.cancel(first.id, actor=ADA)
    await harbour.runtime.replays.start(plan, actor=ADA)


async def test_a_replay_of_nothing_and_a_pace_without_sense_are_refused(harbour: Harbour) -> None:
    await harbour.endpoint()
    with pytest.raises(Conflict):
        await started(harbour)
    await failed(harbour, 1)
    with pytest.raises(InvalidInput):
        await started(harbour, pace=0)


async def test_a_replay_respects_an_open_circuit(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint()
    ids = await failed(harbour, 3)
    await harbour.runtime.operations.hold(endpoint_id, actor=ADA, reason="migration")
    await started(harbour)
    await seconds(harbour, 3)
    assert harbour.sender.requests == []
    assert {await harbour.state(delivery_id) for delivery_id in ids} == {DeliveryState.PENDING}


async def test_who_replayed_what_and_why_is_audited(harbour: Harbour) -> None:
    await harbour.endpoint()
    await failed(harbour, 2)
    replay = await started(harbour)
    await seconds(harbour, 3)
    entries = (await harbour.runtime.insights.audit(subject=replay.id)).items
    assert [(entry.actor, entry.action, entry.affected) for entry in reversed(entries)] == [
        (ADA, "replay.start", 2),
        ("breakwater", "replay.finish", 2),
    ]
    assert entries[-1].reason == "receiver fixed"


async def test_the_same_snapshot_is_counted_again_less_what_has_changed(harbour: Harbour) -> None:
    await harbour.endpoint()
    first, *_ = await failed(harbour, 3)
    plan = await harbour.runtime.replays.plan(FAILED)
    await harbour.clock.advance(1.0)
    await failed(harbour, 2)
    await harbour.runtime.operations.resend(first, actor=ADA)
    await harbour.reaches(first, DeliveryState.DELIVERED)
    again = await harbour.runtime.replays.plan(FAILED, plan.up_to, plan.frozen_at)
    assert (again.total.value, again.frozen_at) == (2, plan.frozen_at)
    assert (await harbour.runtime.replays.plan(FAILED, plan.up_to, plan.frozen_at + 1e9)).total.value == 2


async def test_the_dry_run_tells_how_what_it_covers_has_ended(harbour: Harbour) -> None:
    await harbour.endpoint()
    delivered = await harbour.send_one()
    await harbour.reaches(delivered, DeliveryState.DELIVERED)
    await failed(harbour, 2)
    plan = await harbour.runtime.replays.plan(DeliveryFilter())
    assert plan.states == {DeliveryState.DELIVERED: 1, DeliveryState.FAILED: 2}
