"""A webhook's way, from acceptance to its record."""

import asyncio

import pytest

from breakwater.core.domain.errors import IdempotencyMismatch, InvalidInput, PayloadTooLarge, TargetRefused
from breakwater.core.domain.outcome import Answered, Unanswered
from breakwater.core.domain.states import DeliveryState, FailureClass
from tests.delivery.harbour import Harbour


async def test_a_message_goes_to_every_subscriber_and_to_no_other(harbour: Harbour) -> None:
    await harbour.endpoint("all.example")
    await harbour.endpoint("paid.example", event_types=["invoice.paid"])
    await harbour.endpoint("void.example", event_types=["invoice.voided"])
    accepted = await harbour.send(b'{"amount": 12}')
    for delivery_id, _endpoint in accepted.deliveries:
        await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    assert sorted(request.target.host for request in harbour.sender.requests) == [
        "all.example",
        "paid.example",
    ]
    assert {request.body for request in harbour.sender.requests} == {b'{"amount": 12}'}


async def test_a_message_without_a_subscriber_is_kept_and_says_so(harbour: Harbour) -> None:
    accepted = await harbour.send()
    assert accepted.deliveries == ()
    assert accepted.note is not None
    assert (await harbour.runtime.insights.message(accepted.id)).note


async def test_a_5xx_is_retried_by_schedule_under_the_same_webhook_id(harbour: Harbour) -> None:
    await harbour.endpoint(retry={"delays": [1, 2, 4], "jitter": 0})
    harbour.sender.script("billing.example", Answered(500), Answered(500), Answered(200))
    started = harbour.clock.now()
    delivery_id = await harbour.send_one()
    await harbour.attempted(delivery_id, 1)
    assert (await harbour.row(delivery_id))["next_attempt_at"] == pytest.approx(started + 1)
    await harbour.clock.advance(0.99)
    await harbour.quiet()
    assert len(harbour.sender.requests) == 1
    await harbour.clock.advance(0.02)
    await harbour.attempted(delivery_id, 2)
    await harbour.clock.advance(2.0)
    await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    detail = await harbour.detail(delivery_id)
    assert [attempt.status_code for attempt in detail.attempts] == [500, 500, 200]
    assert [attempt.number for attempt in detail.attempts] == [1, 2, 3]
    webhook_ids = {dict(request.headers)["webhook-id"] for request in harbour.sender.requests}
    assert len(webhook_ids) == 1


async def test_an_exhausted_schedule_fails_the_delivery(harbour: Harbour) -> None:
    await harbour.endpoint(retry={"delays": [1], "jitter": 0})
    harbour.sender.default = Unanswered(FailureClass.CONNECT, "connection refused")
    delivery_id = await harbour.send_one()
    await harbour.attempted(delivery_id, 1)
    await harbour.clock.advance(1.0)
    await harbour.reaches(delivery_id, DeliveryState.FAILED)
    row = await harbour.row(delivery_id)
    assert (row["attempt_count"], row["failure_class"], row["error"]) == (2, "connect", "connection refused")


@pytest.mark.parametrize("status", [301, 400, 404, 422])
async def test_a_redirect_and_a_client_error_are_not_retried(harbour: Harbour, status: int) -> None:
    await harbour.endpoint()
    harbour.sender.default = Answered(status)
    delivery_id = await harbour.send_one()
    await harbour.reaches(delivery_id, DeliveryState.FAILED)
    assert (await harbour.row(delivery_id))["attempt_count"] == 1


async def test_a_message_of_its_own_schedule_keeps_it(harbour: Harbour) -> None:
    await harbour.endpoint()
    harbour.sender.default = Answered(500)
    delivery_id = await harbour.send_one(retry_delays=())
    await harbour.reaches(delivery_id, DeliveryState.FAILED)


async def test_gone_disables_the_endpoint_and_keeps_what_comes_later(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint()
    harbour.sender.default = Answered(410)
    await harbour.reaches(await harbour.send_one(), DeliveryState.FAILED)
    await harbour.quiet()
    assert (await harbour.runtime.endpoints.get(endpoint_id)).state.value == "disabled"
    later = await harbour.send_one()
    await harbour.quiet()
    assert await harbour.state(later) is DeliveryState.PENDING
    audit = await harbour.runtime.insights.audit()
    assert ("breakwater", "endpoint.disable") in {(entry.actor, entry.action) for entry in audit.items}


async def test_a_throttled_lane_waits_as_the_receiver_asks(harbour: Harbour) -> None:
    await harbour.endpoint(retry={"delays": [1], "jitter": 0})
    harbour.sender.script("billing.example", Answered(429, (("Retry-After", "30"),)))
    first = await harbour.send_one()
    await harbour.attempted(first, 1)
    second = await harbour.send_one()
    await harbour.clock.advance(29.0)
    await harbour.quiet()
    assert len(harbour.sender.requests) == 1
    await harbour.clock.advance(1.5)
    await harbour.reaches(first, DeliveryState.DELIVERED)
    await harbour.reaches(second, DeliveryState.DELIVERED)


async def test_a_lane_never_exceeds_its_limit_and_finishes_its_backlog(harbour: Harbour) -> None:
    await harbour.endpoint(max_in_flight=3)
    harbour.sender.hold()
    accepted = await asyncio.gather(*(harbour.send_one() for _ in range(20)))
    await harbour.quiet()
    assert harbour.sender.most_under_way == 3
    harbour.sender.let_go()
    for delivery_id in accepted:
        await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    assert harbour.sender.most_under_way == 3


async def test_a_rate_limit_spaces_the_attempts(harbour: Harbour) -> None:
    await harbour.endpoint(rate_limit_per_second=2)
    for _ in range(6):
        await harbour.send_one()
    await harbour.quiet()
    made = [len(harbour.sender.requests)]
    for _half_second in range(4):
        await harbour.clock.advance(0.5)
        await harbour.quiet()
        made.append(len(harbour.sender.requests))
    assert made == [2, 3, 4, 5, 6]


async def test_one_endpoint_that_hangs_delays_no_other(harbour: Harbour) -> None:
    await harbour.endpoint("slow.example", event_types=["slow"])
    await harbour.endpoint("fast.example", event_types=["fast"])
    harbour.sender.hold()
    stuck = [await harbour.send_one(event_type="slow") for _ in range(100)]
    harbour.sender.let_go()
    delivered = await harbour.send_one(event_type="fast")
    await harbour.reaches(delivered, DeliveryState.DELIVERED)
    for delivery_id in stuck:
        await harbour.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_fifty_submissions_of_one_key_are_one_message(harbour: Harbour) -> None:
    await harbour.endpoint()
    same = {"idempotency_key": "order-7", "scope": "key:ci", "fingerprint": "f"}
    accepted = await asyncio.gather(*(harbour.send(**same) for _ in range(50)))
    assert len({one.id for one in accepted}) == 1
    assert [one.replayed for one in accepted].count(False) == 1
    await harbour.reaches(accepted[0].deliveries[0][0], DeliveryState.DELIVERED)
    await harbour.quiet()
    assert len(harbour.sender.requests) == 1


async def test_one_key_for_two_requests_is_refused(harbour: Harbour) -> None:
    await harbour.send(idempotency_key="order-7", scope="key:ci", fingerprint="a")
    with pytest.raises(IdempotencyMismatch):
        await harbour.send(idempotency_key="order-7", scope="key:ci", fingerprint="b")
    other = await harbour.send(idempotency_key="order-7", scope="key:other", fingerprint="b")
    assert not other.replayed


async def test_an_idempotency_key_is_forgotten_after_a_day(harbour: Harbour) -> None:
    first = await harbour.send(idempotency_key="order-7", fingerprint="a")
    await harbour.clock.leap(24 * 3600 + 1)
    second = await harbour.send(idempotency_key="order-7", fingerprint="b")
    assert second.id != first.id


async def test_bad_messages_are_refused_whole(harbour: Harbour) -> None:
    known = await harbour.endpoint()
    with pytest.raises(InvalidInput) as unknown:
        await harbour.send(endpoint_ids=(known, "ep_nobody"))
    assert unknown.value.problems[0].field == "endpoint_ids.1"
    with pytest.raises(TargetRefused):
        await harbour.send(url="http://127.0.0.1/hook")
    with pytest.raises(PayloadTooLarge):
        await harbour.send(b"x" * (256 * 1024 + 1))
    assert harbour.sender.requests == []


async def test_a_message_to_a_bare_url_needs_no_endpoint(harbour: Harbour) -> None:
    first = await harbour.send(url="https://once.example/a")
    second = await harbour.send(url="https://once.example/a")
    assert first.deliveries[0][1] == second.deliveries[0][1]
    await harbour.reaches(second.deliveries[0][0], DeliveryState.DELIVERED)
    unrelated = await harbour.send()
    assert unrelated.deliveries == ()
