"""A claim whose attempt was not made is released: on each database, with its permit, and only while it stands."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState
from breakwater.core.store.commands.claim import ClaimDue, ClaimedDelivery
from breakwater.core.store.commands.record import Superseded
from breakwater.core.store.commands.recover import ReleaseClaim
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ATTEMPTS, CIRCUITS, DELIVERIES
from tests.contract.stored import Stored

CONFIG = CircuitBreakerConfig(failure_threshold=1, half_open_max_calls=2, timeout_seconds=5)
SHORTAGE = "Breakwater has run out of file descriptors"


async def claim(
    stored: Stored, database: Database, endpoint_id: str, limit: int
) -> tuple[ClaimedDelivery, ...]:
    claimed = await database.writer.submit(
        ClaimDue(
            endpoint_id=endpoint_id,
            config=CONFIG,
            limit=limit,
            now=stored.now,
            node_id="node_1",
            token=stored.ids.make("clm"),
            lease_seconds=25.0,
            make_id=stored.ids.make,
        )
    )
    return claimed.deliveries


def release(
    stored: Stored, claimed: ClaimedDelivery, due: float, shortage: str | None = None
) -> ReleaseClaim:
    return ReleaseClaim(claimed, CONFIG, stored.now, due, shortage)


async def delivery(database: Database, delivery_id: str) -> Mapping[str, Any]:
    async with database.read() as connection:
        rows = await connection.execute(select(DELIVERIES).where(DELIVERIES.c.id == delivery_id))
        return dict(rows.mappings().one())


async def permits(database: Database, endpoint_id: str) -> int:
    async with database.read() as connection:
        rows = await connection.execute(
            select(CIRCUITS.c.permits).where(CIRCUITS.c.endpoint_id == endpoint_id)
        )
        return len(rows.scalar_one())


async def half_open(stored: Stored) -> str:
    """Return an endpoint whose circuit admits probes."""
    endpoint_id = await stored.endpoint()
    breaker = CircuitBreaker(CONFIG, state=CircuitState.HALF_OPEN, failure_count=1, generation=2)
    await stored.circuit(endpoint_id, breaker)
    return endpoint_id


async def test_a_released_delivery_is_due_when_it_says_and_names_the_shortage(
    stored: Stored, database: Database
) -> None:
    endpoint_id = await stored.endpoint()
    delivery_id = await stored.delivery(endpoint_id, attempt_count=2, budget_spent=1, trigger="manual")
    (claimed,) = await claim(stored, database, endpoint_id, 1)
    due = stored.now + 4.0
    released = await database.writer.submit(release(stored, claimed, due, SHORTAGE))
    assert isinstance(released, CircuitBreaker)
    row = await delivery(database, delivery_id)
    assert (row["state"], row["next_attempt_at"], row["claim_token"]) == ("pending", due, None)
    assert (row["attempt_count"], row["budget_spent"], row["trigger"]) == (2, 1, "manual")
    assert (row["failure_class"], row["error"]) == ("local_shortage", SHORTAGE)
    async with database.read() as connection:
        assert (await connection.execute(select(ATTEMPTS))).all() == []
    await stored.clock.advance(4.0)
    assert [again.number for again in await claim(stored, database, endpoint_id, 1)] == [3]


async def test_a_claim_that_is_released_without_a_shortage_keeps_the_failure_of_its_latest_attempt(
    stored: Stored, database: Database
) -> None:
    endpoint_id = await stored.endpoint()
    delivery_id = await stored.delivery(endpoint_id, failure_class="timeout", error="timed out")
    (claimed,) = await claim(stored, database, endpoint_id, 1)
    await database.writer.submit(release(stored, claimed, stored.now))
    row = await delivery(database, delivery_id)
    assert (row["failure_class"], row["error"]) == ("timeout", "timed out")


async def test_each_released_probe_frees_one_permit(stored: Stored, database: Database) -> None:
    endpoint_id = await half_open(stored)
    for _ in range(3):
        await stored.delivery(endpoint_id)
    first, second = await claim(stored, database, endpoint_id, 3)
    assert await permits(database, endpoint_id) == 2
    await database.writer.submit(release(stored, first, stored.now, SHORTAGE))
    assert await permits(database, endpoint_id) == 1
    await database.writer.submit(release(stored, second, stored.now, SHORTAGE))
    assert await permits(database, endpoint_id) == 0
    assert len(await claim(stored, database, endpoint_id, 3)) == 2


async def test_a_claim_is_released_once_and_only_by_its_token(stored: Stored, database: Database) -> None:
    endpoint_id = await half_open(stored)
    for _ in range(2):
        await stored.delivery(endpoint_id)
    first, _second = await claim(stored, database, endpoint_id, 2)
    command = release(stored, first, stored.now, SHORTAGE)
    results = await asyncio.gather(*(database.writer.submit(command) for _ in range(5)))
    assert sum(isinstance(result, Superseded) for result in results) == 4
    assert await permits(database, endpoint_id) == 1, "a superseded release frees no permit of another probe"
