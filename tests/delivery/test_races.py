"""What happens between attempts and beside them: calendars that jump, secrets that change, endpoints that go."""

import asyncio
import json
import random
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from breakwater.core.clock import SystemClock
from breakwater.core.domain.outcome import Answered
from breakwater.core.domain.states import DeliveryState
from breakwater.core.ports import OutboundRequest
from tests.delivery.harbour import Harbour

HOUR = 3600.0
DAY = 24 * HOUR
HOST = "billing.example"
ADA = "person:ada"


def timestamp(request: OutboundRequest) -> int:
    return int(dict(request.headers)["webhook-timestamp"])


@pytest.mark.parametrize("jump", [-HOUR, DAY], ids=["back an hour", "forward a day"])
async def test_a_calendar_that_jumps_makes_no_burst_and_no_stall_and_is_signed(
    harbour: Harbour, jump: float
) -> None:
    patient = {"failure_threshold": 1000, "minimum_calls": 1000}
    await harbour.endpoint(retry={"delays": [60, 600], "jitter": 0}, circuit=patient)
    harbour.sender.default = Answered(500)
    sent = [await harbour.send_one() for _ in range(20)]
    for delivery_id in sent:
        await harbour.attempted(delivery_id, 1)
    harbour.clock.wall_offset = jump
    harbour.sender.default = Answered(200)
    await harbour.clock.advance(59.0)
    await harbour.quiet()
    assert len(harbour.sender.requests) == 20
    await harbour.clock.advance(1.5)
    for delivery_id in sent:
        await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    assert len(harbour.sender.requests) == 40
    assert {timestamp(request) for request in harbour.sender.requests[20:]} <= {
        int(harbour.clock.wall()) - lag for lag in (0, 1, 2)
    }


def test_the_schedules_clock_follows_no_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before = clock.now()
    for jump in (-HOUR, DAY):
        real = time.time()
        monkeypatch.setattr(time, "time", lambda real=real, jump=jump: real + jump)
        assert before <= clock.now() < before + 60
        assert clock.wall() == pytest.approx(real + jump)
        monkeypatch.undo()


async def test_no_verification_fails_under_either_secret_while_secrets_rotate_under_load(
    harbour: Harbour,
) -> None:
    harbour.clock.wall_offset = (
        time.time() - harbour.clock.now()
    )  # the independent verifier looks at the calendar
    endpoint_id = await harbour.endpoint(max_in_flight=1000)
    old = await harbour.runtime.endpoints.rotate_secret(endpoint_id, actor=ADA)
    loading = asyncio.create_task(load(harbour, 400))
    await harbour.sent(150)
    new = await harbour.runtime.endpoints.rotate_secret(endpoint_id, actor=ADA)
    rotated = len(harbour.sender.requests)
    await loading
    await harbour.sent(400)
    assert 150 <= rotated < 400
    for number, request in enumerate(harbour.sender.requests):
        verify(old, request)  # the receiver that has not changed over yet
        if number >= rotated:
            verify(new, request)  # and the one that has
    await harbour.clock.leap(DAY + 1)
    harbour.clock.wall_offset -= DAY + 1
    await harbour.send()
    await harbour.sent(401)
    verify(new, harbour.sender.requests[-1])
    with pytest.raises(WebhookVerificationError):
        verify(old, harbour.sender.requests[-1])


async def load(harbour: Harbour, count: int) -> None:
    draw = random.Random(11)
    for number in range(count):
        await harbour.send(json.dumps({"n": number, "text": draw.randbytes(40).hex()}).encode())


def verify(secret: str, request: OutboundRequest) -> None:
    Webhook(secret).verify(request.body, dict(request.headers))


async def test_an_endpoint_deleted_between_two_attempts_ends_its_deliveries_as_cancelled(
    harbour: Harbour,
) -> None:
    endpoint_id = await harbour.endpoint(retry={"delays": [60], "jitter": 0})
    harbour.sender.default = Answered(500)
    waiting = await harbour.send_one()
    await harbour.attempted(waiting, 1)
    harbour.sender.hold()
    under_way = await harbour.send_one()
    await harbour.sent(2)
    await harbour.runtime.endpoints.delete(endpoint_id, actor=ADA)
    assert await harbour.state(waiting) is DeliveryState.CANCELLED
    harbour.sender.let_go()
    await harbour.attempted(under_way, 1)
    await harbour.clock.advance(70.0)
    await harbour.reaches(under_way, DeliveryState.CANCELLED)
    assert len(harbour.sender.requests) == 2


async def test_a_secret_rotated_between_two_attempts_signs_the_second_beside_the_old_one(
    harbour: Harbour,
) -> None:
    harbour.clock.wall_offset = time.time() - harbour.clock.now()
    endpoint_id = await harbour.endpoint(retry={"delays": [60], "jitter": 0})
    old = await harbour.runtime.endpoints.rotate_secret(endpoint_id, actor=ADA)
    harbour.sender.script(HOST, Answered(500))
    delivery_id = await harbour.send_one()
    await harbour.attempted(delivery_id, 1)
    new = await harbour.runtime.endpoints.rotate_secret(endpoint_id, actor=ADA)
    await harbour.clock.advance(60.0)
    await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    first, second = harbour.sender.requests
    verify(old, first)
    verify(old, second)
    verify(new, second)
    assert dict(first.headers)["webhook-id"] == dict(second.headers)["webhook-id"]
