"""Response headers above the cap are left out of an attempt, which is marked."""

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from tests.delivery.running_engine import RunningEngine


async def test_an_attempt_shows_whether_headers_were_truncated(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    for truncated in (True, False):
        engine.sender.default = Response(200, headers=(("x-a", "1"),), headers_truncated=truncated)
        delivery_id = await engine.send_one(endpoint_ids=(endpoint_id,))
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
        (attempt,) = (await engine.detail(delivery_id)).attempts
        assert attempt.response_headers == (("x-a", "1"),)
        assert attempt.response_headers_truncated is truncated
