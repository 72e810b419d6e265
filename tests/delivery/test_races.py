"""Changes between attempts: calendar steps, rotated secrets, deleted endpoints."""

import asyncio
import json
import random
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.ports import OutboundRequest
from tests.delivery.running_engine import RunningEngine

HOUR = 3600.0
DAY = 24 * HOUR
HOST = "billing.example"
ADA = "person:ada"


def timestamp(request: OutboundRequest) -> int:
    return int(dict(request.headers)["webhook-timestamp"])


@pytest.mark.parametrize("jump", [-HOUR, DAY], ids=["back an hour", "forward a day"])
async def test_a_calendar_step_causes_no_burst_and_no_stall_and_signatures_follow_it(
    engine: RunningEngine, jump: float
) -> None:
    patient = {"failure_threshold": 1000, "minimum_calls": 1000}
    await engine.endpoint(retry={"delays": [60, 600], "jitter": 0}, circuit=patient)
    engine.sender.default = Response(500)
    sent = [await engine.send_one() for _ in range(20)]
    for delivery_id in sent:
        await engine.attempted(delivery_id, 1)
    engine.clock.wall_offset = jump
    engine.sender.default = Response(200)
    await engine.clock.advance(59.0)
    await engine.quiet()
    assert len(engine.sender.requests) == 20
    await engine.clock.advance(1.5)
    for delivery_id in sent:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert len(engine.sender.requests) == 40
    assert {timestamp(request) for request in engine.sender.requests[20:]} <= {
        int(engine.clock.wall()) - lag for lag in (0, 1, 2)
    }


async def test_no_verification_fails_under_either_secret_while_secrets_rotate_under_load(
    engine: RunningEngine,
) -> None:
    engine.clock.wall_offset = (
        time.time() - engine.clock.now()
    )  # the independent verifier looks at the calendar
    endpoint_id = await engine.endpoint(max_in_flight=1000)
    old = await engine.runtime.endpoints.rotate_secret(endpoint_id, actor=ADA)
    loading = asyncio.create_task(load(engine, 400))
    await engine.sent(150)
    new = await engine.runtime.endpoints.rotate_secret(endpoint_id, actor=ADA)
    rotated = len(engine.sender.requests)
    await loading
    await engine.sent(400)
    assert 150 <= rotated < 400
    for number, request in enumerate(engine.sender.requests):
        verify(old, request)  # the receiver that has not changed over yet
        if number >= rotated:
            verify(new, request)  # and the one that has
    await engine.clock.leap(DAY + 1)
    engine.clock.wall_offset -= DAY + 1
    await engine.send()
    await engine.sent(401)
    verify(new, engine.sender.requests[-1])
    with pytest.raises(WebhookVerificationError):
        verify(old, engine.sender.requests[-1])


async def load(engine: RunningEngine, count: int) -> None:
    draw = random.Random(11)
    for number in range(count):
        await engine.send(json.dumps({"n": number, "text": draw.randbytes(40).hex()}).encode())


def verify(secret: str, request: OutboundRequest) -> None:
    Webhook(secret).verify(request.body, dict(request.headers))


async def test_an_endpoint_deleted_between_two_attempts_ends_its_deliveries_as_cancelled(
    engine: RunningEngine,
) -> None:
    endpoint_id = await engine.endpoint(retry={"delays": [60], "jitter": 0})
    engine.sender.default = Response(500)
    waiting = await engine.send_one()
    await engine.attempted(waiting, 1)
    engine.sender.hold()
    in_flight = await engine.send_one()
    await engine.sent(2)
    await engine.runtime.endpoints.delete(endpoint_id, actor=ADA)
    assert await engine.state(waiting) is DeliveryState.CANCELLED
    engine.sender.release()
    await engine.attempted(in_flight, 1)
    await engine.clock.advance(70.0)
    await engine.reaches(in_flight, DeliveryState.CANCELLED)
    assert len(engine.sender.requests) == 2


async def test_a_secret_rotated_between_two_attempts_signs_the_second_with_both_secrets(
    engine: RunningEngine,
) -> None:
    engine.clock.wall_offset = time.time() - engine.clock.now()
    endpoint_id = await engine.endpoint(retry={"delays": [60], "jitter": 0})
    old = await engine.runtime.endpoints.rotate_secret(endpoint_id, actor=ADA)
    engine.sender.script(HOST, Response(500))
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    new = await engine.runtime.endpoints.rotate_secret(endpoint_id, actor=ADA)
    await engine.clock.advance(60.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    first, second = engine.sender.requests
    verify(old, first)
    verify(old, second)
    verify(new, second)
    assert dict(first.headers)["webhook-id"] == dict(second.headers)["webhook-id"]
