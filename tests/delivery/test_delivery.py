"""The way of a webhook from acceptance to its record."""

import asyncio

import pytest

from breakwater.core.domain.errors import IdempotencyMismatch, InvalidInput, PayloadTooLarge, TargetRefused
from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.states import DeliveryState, FailureClass
from tests.delivery.running_engine import RunningEngine


async def test_a_message_goes_to_every_subscriber_and_to_no_other(engine: RunningEngine) -> None:
    await engine.endpoint("all.example")
    await engine.endpoint("paid.example", event_types=["invoice.paid"])
    await engine.endpoint("void.example", event_types=["invoice.voided"])
    accepted = await engine.send(b'{"amount": 12}')
    for delivery_id, _endpoint in accepted.deliveries:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert sorted(request.target.host for request in engine.sender.requests) == [
        "all.example",
        "paid.example",
    ]
    assert {request.body for request in engine.sender.requests} == {b'{"amount": 12}'}


async def test_a_message_without_a_subscriber_is_stored_with_a_note(engine: RunningEngine) -> None:
    accepted = await engine.send()
    assert accepted.deliveries == ()
    assert accepted.note is not None
    assert (await engine.runtime.queries.messages.get(accepted.id)).note


async def test_a_5xx_is_retried_by_schedule_under_the_same_webhook_id(engine: RunningEngine) -> None:
    await engine.endpoint(retry={"delays": [1, 2, 4], "jitter": 0})
    engine.sender.script("billing.example", Response(500), Response(500), Response(200))
    started = engine.clock.now()
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    assert (await engine.row(delivery_id))["next_attempt_at"] == pytest.approx(started + 1)
    await engine.clock.advance(0.99)
    await engine.quiet()
    assert len(engine.sender.requests) == 1
    await engine.clock.advance(0.02)
    await engine.attempted(delivery_id, 2)
    await engine.clock.advance(2.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    detail = await engine.detail(delivery_id)
    assert [attempt.status_code for attempt in detail.attempts] == [500, 500, 200]
    assert [attempt.number for attempt in detail.attempts] == [1, 2, 3]
    webhook_ids = {dict(request.headers)["webhook-id"] for request in engine.sender.requests}
    assert len(webhook_ids) == 1


async def test_the_event_type_reaches_the_receiver_in_a_header(engine: RunningEngine) -> None:
    await engine.endpoint()
    await engine.reaches(await engine.send_one(), DeliveryState.DELIVERED)
    (request,) = engine.sender.requests
    assert dict(request.headers)["webhook-event-type"] == "invoice.paid"


async def test_an_exhausted_schedule_fails_the_delivery(engine: RunningEngine) -> None:
    await engine.endpoint(retry={"delays": [1], "jitter": 0})
    engine.sender.default = TransportFailure(FailureClass.CONNECT, "connection refused")
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    await engine.clock.advance(1.0)
    await engine.reaches(delivery_id, DeliveryState.FAILED)
    row = await engine.row(delivery_id)
    assert (row["attempt_count"], row["failure_class"], row["error"]) == (2, "connect", "connection refused")


@pytest.mark.parametrize("status", [301, 400, 404, 422])
async def test_a_redirect_and_a_client_error_are_not_retried(engine: RunningEngine, status: int) -> None:
    await engine.endpoint()
    engine.sender.default = Response(status)
    delivery_id = await engine.send_one()
    await engine.reaches(delivery_id, DeliveryState.FAILED)
    assert (await engine.row(delivery_id))["attempt_count"] == 1


async def test_a_message_of_its_own_schedule_keeps_it(engine: RunningEngine) -> None:
    await engine.endpoint()
    engine.sender.default = Response(500)
    delivery_id = await engine.send_one(retry_delays=())
    await engine.reaches(delivery_id, DeliveryState.FAILED)


async def test_410_disables_the_endpoint_and_holds_later_deliveries(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    engine.sender.default = Response(410)
    await engine.reaches(await engine.send_one(), DeliveryState.FAILED)
    await engine.quiet()
    assert (await engine.runtime.endpoints.get(endpoint_id)).state.value == "disabled"
    later = await engine.send_one()
    await engine.quiet()
    assert await engine.state(later) is DeliveryState.PENDING
    audit = await engine.runtime.queries.audit.list()
    assert ("breakwater", "endpoint.disable") in {(entry.actor, entry.action) for entry in audit.items}


async def test_a_rate_limited_lane_waits_as_the_receiver_requests(engine: RunningEngine) -> None:
    await engine.endpoint(retry={"delays": [1], "jitter": 0})
    engine.sender.script("billing.example", Response(429, (("Retry-After", "30"),)))
    first = await engine.send_one()
    await engine.attempted(first, 1)
    second = await engine.send_one()
    await engine.clock.advance(29.0)
    await engine.quiet()
    assert len(engine.sender.requests) == 1
    await engine.clock.advance(1.5)
    await engine.reaches(first, DeliveryState.DELIVERED)
    await engine.reaches(second, DeliveryState.DELIVERED)


async def test_a_lane_never_exceeds_its_limit_and_finishes_its_backlog(engine: RunningEngine) -> None:
    await engine.endpoint(max_in_flight=3)
    engine.sender.hold()
    accepted = await asyncio.gather(*(engine.send_one() for _ in range(20)))
    await engine.quiet()
    assert engine.sender.most_in_flight == 3
    engine.sender.release()
    for delivery_id in accepted:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert engine.sender.most_in_flight == 3


async def test_a_rate_limit_spaces_the_attempts(engine: RunningEngine) -> None:
    await engine.endpoint(rate_limit_per_second=2)
    for _ in range(6):
        await engine.send_one()
    await engine.quiet()
    counts = [len(engine.sender.requests)]
    for _half_second in range(4):
        await engine.clock.advance(0.5)
        await engine.quiet()
        counts.append(len(engine.sender.requests))
    assert counts == [2, 3, 4, 5, 6]


async def test_one_endpoint_that_hangs_delays_no_other(engine: RunningEngine) -> None:
    await engine.endpoint("slow.example", event_types=["slow"])
    await engine.endpoint("fast.example", event_types=["fast"])
    engine.sender.hold()
    stuck = [await engine.send_one(event_type="slow") for _ in range(100)]
    engine.sender.release()
    delivered = await engine.send_one(event_type="fast")
    await engine.reaches(delivered, DeliveryState.DELIVERED)
    for delivery_id in stuck:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_fifty_requests_with_one_idempotency_key_are_one_message(engine: RunningEngine) -> None:
    await engine.endpoint()
    same = {"idempotency_key": "order-7", "scope": "key:ci", "fingerprint": "f"}
    accepted = await asyncio.gather(*(engine.send(**same) for _ in range(50)))
    assert len({first_id.id for first_id in accepted}) == 1
    assert [first_id.replayed for first_id in accepted].count(False) == 1
    await engine.reaches(accepted[0].deliveries[0][0], DeliveryState.DELIVERED)
    await engine.quiet()
    assert len(engine.sender.requests) == 1


async def test_one_key_for_two_requests_is_refused(engine: RunningEngine) -> None:
    await engine.send(idempotency_key="order-7", scope="key:ci", fingerprint="a")
    with pytest.raises(IdempotencyMismatch):
        await engine.send(idempotency_key="order-7", scope="key:ci", fingerprint="b")
    other = await engine.send(idempotency_key="order-7", scope="key:other", fingerprint="b")
    assert not other.replayed


async def test_an_idempotency_key_expires_after_a_day(engine: RunningEngine) -> None:
    first = await engine.send(idempotency_key="order-7", fingerprint="a")
    await engine.clock.leap(24 * 3600 + 1)
    second = await engine.send(idempotency_key="order-7", fingerprint="b")
    assert second.id != first.id


async def test_an_invalid_message_is_refused_completely(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    with pytest.raises(InvalidInput) as unknown:
        await engine.send(endpoint_ids=(endpoint_id, "ep_nobody"))
    assert unknown.value.problems[0].field == "endpoint_ids.1"
    with pytest.raises(TargetRefused):
        await engine.send(url="http://127.0.0.1/hook")
    with pytest.raises(PayloadTooLarge):
        await engine.send(b"x" * (256 * 1024 + 1))
    assert engine.sender.requests == []


async def test_an_endpoint_that_is_named_twice_gets_one_delivery(engine: RunningEngine) -> None:
    first_id, two = await engine.endpoint(), await engine.endpoint("orders.example")
    accepted = await engine.send(endpoint_ids=(two, first_id, two, two))
    assert [endpoint_id for _, endpoint_id in accepted.deliveries] == [two, first_id]
    await engine.quiet()
    assert len(engine.sender.requests) == 2
    assert engine.slots_taken == 0


async def test_an_unknown_endpoint_is_named_by_its_place_among_repeated_ones(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    with pytest.raises(InvalidInput) as unknown:
        await engine.send(endpoint_ids=(endpoint_id, endpoint_id, "ep_nobody"))
    assert [problem.field for problem in unknown.value.problems] == ["endpoint_ids.2"]


async def test_a_message_to_a_bare_url_needs_no_endpoint(engine: RunningEngine) -> None:
    first = await engine.send(url="https://once.example/a")
    second = await engine.send(url="https://once.example/a")
    assert first.deliveries[0][1] == second.deliveries[0][1]
    await engine.reaches(second.deliveries[0][0], DeliveryState.DELIVERED)
    unrelated = await engine.send()
    assert unrelated.deliveries == ()
