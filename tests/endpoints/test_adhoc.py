"""Messages to a URL: their endpoint is found, or created, also where it has gone."""

import asyncio

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import InvalidInput, TargetRefused
from breakwater.core.domain.states import DeliveryState
from breakwater.core.endpoints import adhoc
from breakwater.core.lru_map import LruMap
from breakwater.core.store.schema import ENDPOINTS
from tests.delivery.running_engine import RunningEngine

URL = "https://billing.example/hook"


async def delete_on_another_node(engine: RunningEngine, endpoint_id: str) -> None:
    """Delete it as another process does: only the database changes, and the cache is read again."""

    async def write(connection: AsyncConnection) -> None:
        values = {"deleted_at": engine.clock.now(), "adhoc_key": None}
        await connection.execute(update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id).values(values))

    await engine.runtime.database.writer.run(write)
    await engine.runtime.endpoint_cache.reload([endpoint_id])


async def test_messages_to_one_url_share_an_endpoint(engine: RunningEngine) -> None:
    first, second = await engine.send(url=URL), await engine.send(url=URL)
    assert first.deliveries[0][1] == second.deliveries[0][1]


async def test_concurrent_messages_to_a_new_url_create_one_endpoint(engine: RunningEngine) -> None:
    accepted = await asyncio.gather(*(engine.send(url=URL) for _ in range(20)))
    assert len({message.deliveries[0][1] for message in accepted}) == 1
    assert len(await engine.rows(ENDPOINTS)) == 1


async def test_a_message_to_a_url_whose_endpoint_has_gone_is_accepted(engine: RunningEngine) -> None:
    gone = (await engine.send(url=URL)).deliveries[0][1]
    await delete_on_another_node(engine, gone)
    delivery_id, endpoint_id = (await engine.send(url=URL)).deliveries[0]
    assert endpoint_id != gone
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_message_to_a_url_whose_endpoint_was_deleted_here_is_accepted(engine: RunningEngine) -> None:
    gone = (await engine.send(url=URL)).deliveries[0][1]
    await engine.runtime.endpoints.delete(gone, actor="person:ada")
    delivery_id, endpoint_id = (await engine.send(url=URL)).deliveries[0]
    assert endpoint_id != gone
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_an_error_about_the_endpoint_of_a_url_names_url(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.send(url=URL)
    monkeypatch.setattr(
        engine.runtime.endpoint_cache, "get", lambda _id: None
    )  # as if each were deleted at once
    with pytest.raises(InvalidInput) as refused:
        await engine.send(url=URL)
    assert [problem.field for problem in refused.value.problems] == ["url"]
    with pytest.raises(TargetRefused) as blocked:
        await engine.send(url="http://127.0.0.1/")
    assert [problem.field for problem in blocked.value.problems] == ["url"]


async def test_the_map_of_urls_is_bounded_and_an_evicted_url_finds_its_endpoint_in_the_database(
    engine: RunningEngine,
) -> None:
    endpoints = engine.runtime.adhoc_endpoints
    endpoints._ids = LruMap(3)
    first = [await endpoints.find_or_create(f"https://r{n}.example/hook") for n in range(10)]
    assert len(endpoints._ids) == 3
    again = [await endpoints.find_or_create(f"https://r{n}.example/hook") for n in range(10)]
    assert [endpoint.id for endpoint in again] == [endpoint.id for endpoint in first]
    assert adhoc._CACHED_IDS <= 10_000
