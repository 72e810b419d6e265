"""Charts of attempts: exact before and after the rollup, with any cache."""

from breakwater.core.maintenance.stats_rollup import StatsRollup
from breakwater.core.queries import Queries
from breakwater.core.queries.traffic.charts import CACHED_CHARTS
from tests.contract.stored import Stored


async def test_traffic_is_read_for_one_endpoint_or_for_all(stored: Stored, queries: Queries) -> None:
    first, second = await stored.endpoint("a"), await stored.endpoint("b")
    await stored.counted(first, stored.now, "success", 3, 5)
    await stored.counted(second, stored.now - 61, "dns", 1, 2)
    await stored.counted(second, stored.now - 4000, "dns", 1, 7)
    everything, single = await queries.traffic.get(), await queries.traffic.get(first)
    assert (everything.attempts, everything.by_outcome) == (7, {"success": 5, "dns": 2})
    assert (single.attempts, single.successes) == (5, 5)
    assert len(everything.series) == 60
    assert everything.series[-1][1:] == (5, 0)


async def test_a_long_chart_is_the_same_before_and_after_the_rollup(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    for minutes_ago in (0, 20, 31, 59, 61, 600, 1200, 3000, 9000):
        await stored.counted(
            endpoint_id, stored.now - minutes_ago * 60, "success", minutes_ago % 7, 1 + minutes_ago
        )
    before = [
        await queries.traffic.get(scope, minutes)
        for scope in (None, endpoint_id)
        for minutes in (1440, 10_080)
    ]
    summed = await StatsRollup(stored.database, stored.clock).roll_up()
    assert summed >= 5
    after = [
        await queries.traffic.get(scope, minutes)
        for scope in (None, endpoint_id)
        for minutes in (1440, 10_080)
    ]
    assert after == before
    assert await StatsRollup(stored.database, stored.clock).roll_up() == 0


async def test_a_cached_long_chart_equals_a_new_one(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    rollup = StatsRollup(stored.database, stored.clock)
    for minute in range(12):
        await stored.counted(endpoint_id, stored.now, "success" if minute % 3 else "dns", minute, 1 + minute)
        await rollup.roll_up()
        reopened = Queries(stored.database, stored.clock, tuple)
        for scope in (None, endpoint_id):
            for minutes in (1440, 10_080):
                assert await queries.traffic.get(scope, minutes) == await reopened.traffic.get(scope, minutes)
        await stored.clock.advance(17 * 60)
    assert (await queries.traffic.get(endpoint_id, 1440)).attempts == sum(range(1, 13))


async def test_charts_of_many_endpoints_do_not_mix(stored: Stored, queries: Queries) -> None:
    endpoint_ids = [await stored.endpoint(f"e{number}") for number in range(CACHED_CHARTS + 3)]
    for number, endpoint_id in enumerate(endpoint_ids):
        await stored.counted(endpoint_id, stored.now - 7200 - number * 60, "success", 3, 1 + number)
    await StatsRollup(stored.database, stored.clock).roll_up()
    for _ in range(2):  # the second time some are remembered, and some were forgotten
        attempts = [(await queries.traffic.get(endpoint_id, 1440)).attempts for endpoint_id in endpoint_ids]
        assert attempts == list(range(1, CACHED_CHARTS + 4))


async def test_only_half_hours_that_are_over_are_summed_up(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    rollup = StatsRollup(stored.database, stored.clock)
    await stored.counted(endpoint_id, stored.now, "success", 1, 1)
    assert await rollup.roll_up() == 0
    await stored.clock.advance(32 * 60)
    assert await rollup.roll_up() == 1
