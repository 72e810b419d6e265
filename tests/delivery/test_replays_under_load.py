"""A replay touches what was shown when it was chosen, and nothing else, whatever goes on meanwhile."""

import asyncio

import pytest

from breakwater.core.domain.outcome import Answered
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.replays import runner
from tests.delivery.harbour import Harbour
from tests.delivery.test_replays import ADA, FAILED, failed, seconds, started

REFUSED = Answered(400)
MEANT = DeliveryFilter.parse({"status": "failed", "event_type": "one"})


async def attempts(harbour: Harbour, ids: list[str]) -> list[int]:
    return [(await harbour.row(delivery_id))["attempt_count"] for delivery_id in ids]


async def under_way(harbour: Harbour, event_type: str) -> str:
    """Return a delivery whose attempt goes on until the sender lets go, and then fails."""
    harbour.sender.hold()
    harbour.sender.default = REFUSED
    delivery_id = await harbour.send_one(event_type=event_type)
    await harbour.reaches(delivery_id, DeliveryState.IN_FLIGHT)
    return delivery_id


async def test_under_load_only_what_matched_is_touched_and_each_of_it_once(harbour: Harbour) -> None:
    await harbour.endpoint("one.example", event_types=["one"])
    await harbour.endpoint("two.example", event_types=["two"])
    delivered = [await harbour.send_one(event_type="one") for _ in range(5)]
    for delivery_id in delivered:
        await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    other_type = await failed(harbour, 10, event_type="two")
    meant = await failed(harbour, 30, event_type="one")
    running = await under_way(harbour, "one")
    plan = await harbour.runtime.replays.plan(MEANT)
    await harbour.clock.advance(1.0)
    harbour.sender.let_go()
    await harbour.reaches(running, DeliveryState.FAILED)

    replay = await harbour.runtime.replays.start(plan, actor=ADA, pace=7)
    late: list[str] = []
    for _ in range(7):
        kinds = ["one", "two"] * 10
        late += await asyncio.gather(*(harbour.send_one(event_type=kind) for kind in kinds))
        await seconds(harbour, 1)

    assert set(await attempts(harbour, meant)) == {2}
    outside = [*delivered, *other_type, running, *late]
    assert set(await attempts(harbour, outside)) == {1}
    results = await harbour.runtime.replays.results(replay.id)
    assert [row.id for row in results.items] == meant
    view = await harbour.runtime.replays.get(replay.id)
    assert (view.resent, view.skipped, view.total.value) == (30, 0, 30)


async def test_the_same_snapshot_never_grows_by_what_was_under_way(harbour: Harbour) -> None:
    await harbour.endpoint()
    await failed(harbour, 2)
    running = await under_way(harbour, "invoice.paid")
    plan = await harbour.runtime.replays.plan(FAILED)
    await harbour.clock.advance(1.0)
    harbour.sender.let_go()
    await harbour.reaches(running, DeliveryState.FAILED)
    again = await harbour.runtime.replays.plan(FAILED, plan.up_to, plan.frozen_at)
    assert (plan.total.value, again.total.value) == (2, 2)
    assert running not in [row.id for row in again.sample]


async def test_a_span_that_ends_some_time_ago_ends_there_as_it_was_when_frozen(harbour: Harbour) -> None:
    await harbour.endpoint()
    old = await failed(harbour, 6)
    await harbour.clock.advance(30.0)
    young = await failed(harbour, 6)
    await harbour.clock.advance(28.0)
    replay = await started(harbour, DeliveryFilter.parse({"status": "failed", "until": "30s"}), pace=2)
    await seconds(harbour, 8)  # by now the young ones are older than 30 s too
    assert set(await attempts(harbour, old)) == {2}
    assert set(await attempts(harbour, young)) == {1}
    assert (await harbour.runtime.replays.get(replay.id)).resent == 6


async def test_what_changed_between_being_found_and_being_resent_is_left_alone(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harbour.endpoint()
    first, second = await failed(harbour, 2)
    plan = await harbour.runtime.replays.plan(FAILED)
    await harbour.clock.advance(1.0)
    harbour.sender.default = REFUSED
    await harbour.runtime.operations.resend(first, actor="person:eve")
    await harbour.attempted(first, 2)
    await harbour.reaches(first, DeliveryState.FAILED)

    async def finds_as_it_was_before(
        _connection: object, _condition: object, after: str, _n: int
    ) -> list[str]:
        return [one for one in (first, second) if one > after]

    monkeypatch.setattr(runner, "next_ids", finds_as_it_was_before)
    replay = await harbour.runtime.replays.start(plan, actor=ADA)
    await seconds(harbour, 3)
    assert await attempts(harbour, [first, second]) == [2, 2]
    view = await harbour.runtime.replays.get(replay.id)
    assert (view.resent, view.skipped) == (1, 1)
