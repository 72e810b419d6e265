"""Statistics of half hours agree with those of minutes, also where results were written late or lost."""

from sqlalchemy import func, select

from breakwater.core.domain.latency import upper_ms
from breakwater.core.maintenance.stats_rollup import StatsRollup
from breakwater.core.queries.traffic.charts import TrafficQueries
from breakwater.core.store.commands.recover import RequeueExpired
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ALL_ENDPOINTS, HALF_HOUR_STATS, MINUTE_STATS
from tests.contract.stored import Stored

HOUR = 3600.0
DAY_MINUTES = 1440


async def totals(database: Database) -> tuple[int, int]:
    """Return the attempts of all endpoints, by the minutes and by the half hours."""
    async with database.read() as connection:
        minutes, half_hours = [
            (
                await connection.execute(
                    select(func.sum(table.c.attempts)).where(table.c.endpoint_id == ALL_ENDPOINTS)
                )
            ).scalar_one()
            for table in (MINUTE_STATS, HALF_HOUR_STATS)
        ]
    return int(minutes), int(half_hours)


async def test_a_result_written_late_is_in_the_sum_of_its_half_hour(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    traffic = TrafficQueries(stored.database, stored.clock)
    rollup = StatsRollup(stored.database, stored.clock, on_late_results=traffic.forget_sums)
    ended_at = stored.now
    await stored.counted(endpoint_id, ended_at, "success", 20, 3)
    await stored.clock.advance(2 * HOUR)
    assert await rollup.roll_up() == 1
    assert (await traffic.get(endpoint_id, DAY_MINUTES)).attempts == 3
    await stored.counted(endpoint_id, ended_at, "timeout", 40, 2)  # the database was away for two hours
    assert await rollup.roll_up() == 1
    assert await totals(stored.database) == (5, 5)
    assert (await traffic.get(endpoint_id, DAY_MINUTES)).by_outcome == {"success": 3, "timeout": 2}
    assert (await traffic.get(None, DAY_MINUTES)).attempts == 5
    assert await rollup.roll_up() == 0


async def test_a_half_hour_that_has_only_late_results_is_summed_up(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    rollup = StatsRollup(stored.database, stored.clock)
    early = stored.now
    for hours in (0.0, 2.0):
        await stored.clock.advance(hours * HOUR)
        await stored.counted(endpoint_id, stored.now, "success", 20, 1)
    await stored.clock.advance(HOUR)
    await rollup.roll_up()
    await stored.counted(endpoint_id, early + HOUR, "success", 20, 4)
    await rollup.roll_up()
    assert await totals(stored.database) == (6, 6)


async def test_late_results_from_before_a_restart_are_found(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    ended_at = stored.now
    await stored.counted(endpoint_id, ended_at, "success", 20, 1)
    await stored.clock.advance(2 * HOUR)
    await StatsRollup(stored.database, stored.clock).roll_up()
    await stored.counted(endpoint_id, ended_at, "timeout", 20, 1)
    await stored.clock.advance(10 * 24 * HOUR)
    await StatsRollup(stored.database, stored.clock).roll_up()
    assert await totals(stored.database) == (2, 2)


async def test_lost_attempts_count_and_have_no_latency(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    await stored.counted(endpoint_id, stored.now, "success", 20, 1)
    for _ in range(3):
        await stored.delivery(
            endpoint_id, "in_flight", claim_token="clm_1", claimed_by="n", lease_until=stored.now
        )
    lost = await stored.database.writer.submit(RequeueExpired(stored.now + 1, stored.ids.make))
    assert len(lost) == 3
    traffic = await TrafficQueries(stored.database, stored.clock).get(endpoint_id, 60)
    assert traffic.by_outcome == {"lost": 3, "success": 1}
    bounds = (traffic.latency.p50, traffic.latency.p99)
    assert all(bound is not None and upper_ms(19) < bound <= upper_ms(20) for bound in bounds)
