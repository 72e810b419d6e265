"""A dry run counts exactly the deliveries that its replay resends."""

import pytest
from sqlalchemy import select

from breakwater.core.domain.errors import Conflict
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.replays import Plan, coverage
from breakwater.core.replays.rows import coverage_condition
from breakwater.core.store.schema import DELIVERIES
from tests.delivery.running_engine import RunningEngine

FILTERS = (
    "",
    "status=failed",
    "status=delivered,failed,cancelled",
    "status=held",
    "status=held,failed",
    "status=failed&since=1h",
    "status=failed&until=1h",
    "endpoint={endpoint}",
    "endpoint={endpoint}&status=failed",
    "event_type=one",
    "event_type=two&status=failed",
    "class=client_error",
    "class=client_error&endpoint={endpoint}",
    "error=400 …",
    "q={delivery}",
    "q=marked",
    "q=marked&status=delivered",
    "q=no such text",
)


async def filled(engine: RunningEngine) -> dict[str, str]:
    """Create delivered, failed and pending deliveries; return ids for filters."""
    first_endpoint = await engine.endpoint("one.example", event_types=["one"])
    await engine.endpoint("two.example", event_types=["two"])
    for response, count in ((Response(400), 3), (Response(200), 4)):
        engine.sender.default = response
        ids = [
            await engine.send_one(event_type=kind, payload=b"marked %d" % number)
            for kind in ("one", "two")
            for number in range(count)
        ]
        state = DeliveryState.FAILED if response.status == 400 else DeliveryState.DELIVERED
        for delivery_id in ids:
            await engine.reaches(delivery_id, state)
    await engine.runtime.operations.circuits.hold(first_endpoint, actor="person:ada", reason="away")
    waiting = [await engine.send_one(event_type="one") for _ in range(2)]
    await engine.runtime.operations.deliveries.cancel(waiting[0], actor="person:ada")
    return {"endpoint": first_endpoint, "delivery": ids[0]}


def parse(query: str, names: dict[str, str]) -> DeliveryFilter:
    return DeliveryFilter.parse(dict(part.split("=", 1) for part in query.format(**names).split("&") if part))


async def touched(engine: RunningEngine, plan: Plan) -> list[str]:
    """Return the deliveries that the replay of a plan covers, oldest first."""
    condition = coverage_condition(plan.filter, plan.up_to, plan.frozen_at)
    async with engine.runtime.database.read() as connection:
        statement = select(DELIVERIES.c.id).where(condition).order_by(DELIVERIES.c.id)
        return list((await connection.execute(statement)).scalars())


async def test_a_dry_run_of_any_filter_counts_what_its_replay_touches(engine: RunningEngine) -> None:
    names = await filled(engine)
    for query in FILTERS:
        plan = await engine.runtime.replays.plan(parse(query, names))
        expected = await touched(engine, plan)
        assert (plan.total.value, plan.total.more) == (len(expected), False), query
        assert [row.id for row in plan.sample] == expected[:5], query
        assert sum(number for _id, _name, number in plan.endpoints) == len(expected), query
        assert sum(plan.states.values()) == len(expected), query
        assert plan.bounds is None


async def test_deliveries_finished_after_the_snapshot_are_subtracted_by_every_way_of_counting(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(engine)
    earlier_plan = await engine.runtime.replays.plan(DeliveryFilter())
    ended = next(row for row in earlier_plan.sample if row.endpoint_name == "two.example")
    await engine.clock.advance(5.0)
    engine.sender.default = Response(400)
    await engine.runtime.operations.deliveries.resend(ended.id, actor="person:ada")
    await engine.quiet()
    assert await engine.state(ended.id) is DeliveryState.FAILED
    for most in (10_000, 0):
        monkeypatch.setattr(coverage, "LATE_LIMIT", most)
        plan = await engine.runtime.replays.plan(DeliveryFilter(), earlier_plan.up_to, earlier_plan.frozen_at)
        assert plan.total.value == earlier_plan.total.value - 1
        assert plan.total.value == len(await touched(engine, plan))


async def test_a_count_above_its_limit_is_marked(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(engine)
    monkeypatch.setattr(coverage, "COUNT_LIMIT", 5)
    plan = await engine.runtime.replays.plan(DeliveryFilter())
    assert str(plan.total) == "5+"
    assert [row.id for row in plan.sample] == (await touched(engine, plan))[:5]


async def test_a_bounded_search_reports_how_far_it_searched(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(engine)
    monkeypatch.setattr(coverage, "PAYLOAD_SCAN_LIMIT", 6)
    plan = await engine.runtime.replays.plan(parse("q=marked", {}))
    assert plan.bounds is not None
    assert plan.bounds.scanned == 6
    assert plan.total.more
    assert 0 < plan.total.value < len(await touched(engine, plan))


async def test_a_bounded_search_without_a_match_is_not_started(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(engine)
    monkeypatch.setattr(coverage, "PAYLOAD_SCAN_LIMIT", 6)
    plan = await engine.runtime.replays.plan(parse("q=no such text", {}))
    assert str(plan.total) == "0+"
    with pytest.raises(Conflict, match="Searched 6 deliveries"):
        await engine.runtime.replays.start(plan, actor="person:ada")
