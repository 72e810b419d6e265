"""What a claim without a response leaves in the database is released on every database."""

import pytest
from sqlalchemy import select

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState
from breakwater.core.domain.states import DeliveryState
from breakwater.core.store.commands.recover import ReleaseUnacknowledged
from breakwater.core.store.schema import CIRCUITS, DELIVERIES
from tests.contract.stored import Stored


@pytest.mark.parametrize("token", ["clm_lost", "clm_other"])
async def test_only_deliveries_of_the_token_are_released(stored: Stored, token: str) -> None:
    endpoint_id = await stored.endpoint()
    delivery_id = await stored.delivery(
        endpoint_id,
        state=DeliveryState.IN_FLIGHT.value,
        claim_token="clm_lost",
        claimed_by="node",
        lease_until=stored.now + 25,
    )
    command = ReleaseUnacknowledged(endpoint_id, CircuitBreakerConfig(), token, stored.now)
    released = await stored.database.writer.submit(command)
    async with stored.database.read() as connection:
        row = (
            (await connection.execute(DELIVERIES.select().where(DELIVERIES.c.id == delivery_id)))
            .mappings()
            .one()
        )
    is_lost = token == "clm_lost"
    assert released == (1 if is_lost else 0)
    assert row["state"] == (DeliveryState.PENDING if is_lost else DeliveryState.IN_FLIGHT)
    assert row["claim_token"] == (None if is_lost else "clm_lost")
    assert row["attempt_count"] == 0


async def test_the_permit_of_another_claim_is_not_released(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    lease_until = stored.now + 25
    for _ in range(2):
        await stored.delivery(
            endpoint_id, "in_flight", claim_token="clm_lost", claimed_by="node", lease_until=lease_until
        )
    config = CircuitBreakerConfig(half_open_max_calls=3)
    permits = [lease_until, stored.now + 40]
    await stored.circuit(
        endpoint_id,
        CircuitBreaker(config, state=CircuitState.HALF_OPEN, generation=2, permits=permits),
    )
    released = ReleaseUnacknowledged(endpoint_id, config, "clm_lost", stored.now)
    assert await stored.database.writer.submit(released) == 2
    async with stored.database.read() as connection:
        (row,) = (await connection.execute(select(CIRCUITS))).mappings()
    assert row["permits"] == [stored.now + 40]
