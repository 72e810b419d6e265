"""Which URLs an endpoint can be saved with, and how endpoints with earlier URLs behave."""

import pytest
from sqlalchemy import update

from breakwater.core.domain.errors import InvalidInput, TargetRefused
from breakwater.core.domain.states import DeliveryState
from breakwater.core.store.schema import ENDPOINTS
from tests.delivery.running_engine import RunningEngine


@pytest.mark.parametrize("host", ["foo.localhost", "metadata.google.internal"])
async def test_a_special_name_is_refused_however_it_is_saved(engine: RunningEngine, host: str) -> None:
    endpoint_id = await engine.endpoint()
    with pytest.raises(InvalidInput, match="cannot be an endpoint"):
        await engine.endpoint(host)
    with pytest.raises(TargetRefused):
        await engine.send(url=f"http://{host}/hook")
    with pytest.raises(InvalidInput, match="cannot be an endpoint"):
        await engine.runtime.endpoints.update(endpoint_id, {"url": f"http://{host}/hook"}, actor="person:ada")


async def test_an_endpoint_saved_earlier_with_a_special_name_is_sent_to_and_can_be_edited(
    engine: RunningEngine,
) -> None:
    endpoint_id = await engine.endpoint()
    url = "http://foo.localhost:9000/hook"
    saved_earlier = update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id).values(url=url)
    await engine.runtime.database.writer.run(lambda connection: connection.execute(saved_earlier))
    await engine.runtime.endpoint_cache.reload([endpoint_id])
    await engine.runtime.endpoints.update(endpoint_id, {"url": url, "name": "Billing"}, actor="person:ada")
    delivery_id = await engine.send_one(endpoint_ids=(endpoint_id,))
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert engine.sender.requests[-1].target.host == "foo.localhost"
