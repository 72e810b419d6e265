"""Deleting an endpoint with a large backlog."""

import asyncio

from breakwater.core.store.schema import AUDIT, DELIVERIES
from breakwater.core.store.writer import STEP_ROWS
from tests.contract.stored import Stored
from tests.contract.test_pending import states, store_backlog
from tests.contract.write_sizes import write_sizes
from tests.delivery.running_engine import RunningEngine
from tests.fakes import eventually

BACKLOG = 3 * STEP_ROWS + 1
LARGE = 30 * STEP_ROWS


async def test_a_deletion_cancels_a_large_backlog_in_small_transactions(engine: RunningEngine) -> None:
    endpoint_id = await paused_with_backlog(engine)
    with write_sizes(engine.runtime.database) as sizes:
        assert await engine.runtime.endpoints.delete(endpoint_id, actor="person:ada") == BACKLOG
    assert max(sizes) <= STEP_ROWS
    assert await states(engine.runtime.database, endpoint_id) == {"cancelled": BACKLOG}
    entry = next(row for row in await engine.rows(AUDIT) if row["action"] == "endpoint.delete")
    assert (entry["affected"], "1,501 pending deliveries" in entry["outcome"]) == (BACKLOG, True)
    assert {row["error"] for row in await engine.rows(DELIVERIES)} == {"The endpoint was deleted by ada"}


async def test_deliveries_that_a_deletion_left_pending_are_cancelled_by_the_job(
    engine: RunningEngine,
) -> None:
    endpoint_id = await paused_with_backlog(engine, LARGE)
    with write_sizes(engine.runtime.database) as sizes:
        deleting = asyncio.create_task(engine.runtime.endpoints.delete(endpoint_id, actor="person:ada"))
        await eventually(lambda: len(sizes) >= 3)  # the deletion, and a first step
        deleting.cancel()
        await asyncio.gather(deleting, return_exceptions=True)
    assert (await states(engine.runtime.database, endpoint_id))["pending"] > 0
    await engine.clock.advance(5)
    await engine.quiet()
    assert await states(engine.runtime.database, endpoint_id) == {"cancelled": LARGE}


async def paused_with_backlog(engine: RunningEngine, count: int = BACKLOG) -> str:
    """Return a paused endpoint with a backlog: nothing of it is sent."""
    endpoint_id = await engine.endpoint()
    await engine.runtime.operations.endpoints.pause(endpoint_id, actor="person:ada")
    stored = Stored(engine.runtime.database)
    await store_backlog(stored, endpoint_id, count)
    return endpoint_id
