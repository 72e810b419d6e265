"""The pending deliveries of an endpoint: counting them, and cancelling any number in small steps."""

import asyncio
from functools import partial

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.store.commands.pending import cancel_some_pending, count_pending, deleted_with_pending
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS
from breakwater.core.store.writer import STEP_ROWS
from tests.contract.commands import Add
from tests.contract.stored import Stored
from tests.contract.write_sizes import write_sizes

BACKLOG = 20_000


async def store_backlog(stored: Stored, endpoint_id: str, count: int) -> None:
    """Insert pending deliveries of one message."""
    message_id = await stored.message()
    rows = [
        {
            "id": f"dlv_{endpoint_id}_{n:06}",
            "message_id": message_id,
            "endpoint_id": endpoint_id,
            "event_type": "order.created",
            "state": "pending",
            "next_attempt_at": stored.now + n,
            "created_at": stored.now,
        }
        for n in range(count)
    ]

    async def work(connection: AsyncConnection) -> None:
        for start in range(0, count, 1_000):
            await connection.execute(insert(DELIVERIES), rows[start : start + 1_000])

    await stored.database.writer.run(work)


async def states(database: Database, endpoint_id: str) -> dict[str, int]:
    counted = (
        select(DELIVERIES.c.state, func.count())
        .where(DELIVERIES.c.endpoint_id == endpoint_id)
        .group_by(DELIVERIES.c.state)
    )
    async with database.read() as connection:
        return dict(iter(await connection.execute(counted)))


async def test_cancelling_a_large_backlog_delays_an_accept_by_one_step_at_most(stored: Stored) -> None:
    database = stored.database
    endpoint_id, other = await stored.endpoint(), await stored.endpoint("other")
    await store_backlog(stored, endpoint_id, BACKLOG)
    await store_backlog(stored, other, 1)
    step = partial(cancel_some_pending, endpoint_id=endpoint_id, reason="deleted", now=stored.now)
    with write_sizes(database) as sizes:
        cancelling = asyncio.create_task(database.writer.run_in_steps(step))
        transactions_waited = []
        while not cancelling.done():
            before = len(sizes)
            await database.writer.submit(Add(f"m{before:03}"))
            transactions_waited.append(len(sizes) - before)
        assert await cancelling == BACKLOG
    assert max(sizes) <= STEP_ROWS + 1
    assert max(transactions_waited) <= 2  # the transaction that was being written, and its own
    assert len(transactions_waited) >= BACKLOG / STEP_ROWS
    assert await states(database, endpoint_id) == {"cancelled": BACKLOG}
    assert await states(database, other) == {"pending": 1}


async def test_only_pending_deliveries_are_cancelled(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    unchanged = {
        state: await stored.delivery(endpoint_id, state) for state in ("in_flight", "delivered", "failed")
    }
    waiting = await stored.delivery(endpoint_id)
    step = partial(cancel_some_pending, endpoint_id=endpoint_id, reason="The endpoint was deleted", now=9.0)
    assert await stored.database.writer.run_in_steps(step) == 1
    async with stored.database.read() as connection:
        rows = {row["id"]: row for row in (await connection.execute(select(DELIVERIES))).mappings()}
    assert {state: rows[delivery_id]["state"] for state, delivery_id in unchanged.items()} == {
        s: s for s in unchanged
    }
    row = rows[waiting]
    assert (row["state"], row["error"], row["next_attempt_at"], row["finished_at"]) == (
        "cancelled",
        "The endpoint was deleted",
        None,
        9.0,
    )


async def test_pending_deliveries_are_counted_up_to_a_limit(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    await stored.delivery(endpoint_id, "delivered")
    await store_backlog(stored, endpoint_id, 10_001)
    async with stored.database.read() as connection:
        assert await count_pending(connection, endpoint_id) == 10_000


async def test_a_deleted_endpoint_with_pending_deliveries_is_found(stored: Stored) -> None:
    deleted, empty, live = [await stored.endpoint(name) for name in ("deleted", "empty", "live")]
    for endpoint_id in (deleted, live):
        await stored.delivery(endpoint_id)
    for endpoint_id in (deleted, empty):
        await stored.change(ENDPOINTS, endpoint_id, deleted_at=stored.now)
    async with stored.database.read() as connection:
        assert list((await connection.execute(deleted_with_pending())).scalars()) == [deleted]
