"""A local shortage uses no attempt, steps no circuit and holds no slot; the delivery waits and its page explains it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from breakwater.core.adapters.service import WebhookDeliveryService
from breakwater.core.delivery.shortage import ShortageBackoff
from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.shortage import Resource
from breakwater.core.domain.states import DeliveryState
from breakwater.core.domain.verdict import MAX_SHORTAGE_PAUSE, SHORTAGE_PAUSE
from breakwater.core.ports import OutboundRequest
from breakwater.core.store.schema import ATTEMPTS, CIRCUITS, MINUTE_STATS
from tests.delivery.running_engine import RunningEngine
from tests.fakes import ManualClock, ScriptedSender, settle

NO_DESCRIPTORS = TransportFailure.local_shortage(Resource.FILE_DESCRIPTORS)
TWO_ATTEMPTS = {"delays": [600], "jitter": 0}


async def wait(engine: RunningEngine, seconds: float) -> None:
    await engine.quiet()
    await engine.clock.advance(seconds)
    await engine.quiet()


async def test_the_delivery_waits_without_an_attempt_and_is_sent_when_the_shortage_is_over(
    engine: RunningEngine,
) -> None:
    await engine.endpoint(retry=TWO_ATTEMPTS)
    engine.sender.script("billing.example", NO_DESCRIPTORS, NO_DESCRIPTORS)
    delivery_id = await engine.send_one()
    await engine.sent(1)
    await engine.quiet()
    row = await engine.row(delivery_id)
    assert (row["state"], row["attempt_count"], row["budget_spent"]) == ("pending", 0, 0)
    assert (row["failure_class"], row["next_attempt_at"]) == ("local_shortage", engine.clock.now() + 0.5)
    assert await engine.rows(ATTEMPTS) == []
    assert await engine.rows(MINUTE_STATS) == []
    assert engine.slots_taken == 0
    why = (await engine.detail(delivery_id)).why
    assert why.startswith("Attempt 1 of 2 is due at")
    assert "No attempt was used: Breakwater has run out of file descriptors" in why
    await wait(engine, 0.5)
    await wait(engine, 1.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    (attempt,) = (await engine.detail(delivery_id)).attempts
    assert (attempt.number, attempt.failure_class) == (1, None)


async def test_a_long_shortage_ends_no_delivery_opens_no_circuit_and_is_tried_every_ten_seconds(
    engine: RunningEngine,
) -> None:
    await engine.endpoint(retry=TWO_ATTEMPTS, circuit={"failure_threshold": 1})
    engine.sender.default = NO_DESCRIPTORS
    delivery_id = await engine.send_one()
    for seconds in (0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0):
        before = len(engine.sender.requests)
        await wait(engine, seconds - 0.01)
        assert len(engine.sender.requests) <= before + (before == 0)
        await wait(engine, 0.01)
    assert len(engine.sender.requests) == 9
    row = await engine.row(delivery_id)
    assert (row["state"], row["attempt_count"]) == ("pending", 0)
    assert [(row["state"], row["failure_count"]) for row in await engine.rows(CIRCUITS)] == [("closed", 0)]
    engine.sender.default = Response(200)
    await wait(engine, 10.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_probe_prevented_by_a_shortage_releases_its_permit(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint(
        circuit={
            "failure_threshold": 1,
            "timeout_seconds": 5,
            "half_open_max_calls": 1,
            "success_threshold": 1,
        },
        retry={"delays": [5, 5], "jitter": 0},
    )
    engine.sender.script("billing.example", Response(500), NO_DESCRIPTORS)
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    await wait(engine, 5.2)
    await engine.sent(2)
    await engine.quiet()
    (circuit,) = await engine.rows(CIRCUITS)
    assert (circuit["state"], circuit["permits"], circuit["failure_count"]) == ("half_open", [], 1)
    await wait(engine, 0.5)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    (circuit,) = await engine.rows(CIRCUITS)
    assert (circuit["endpoint_id"], circuit["state"]) == (endpoint_id, "closed")


async def test_a_claim_released_unsent_releases_its_permit(engine: RunningEngine) -> None:
    """The process drains between the claim of a probe and its start."""
    await engine.endpoint(
        circuit={"failure_threshold": 1, "timeout_seconds": 5, "half_open_max_calls": 1},
        retry={"delays": [5], "jitter": 0},
    )
    engine.sender.script("billing.example", Response(500))
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    dispatcher = engine.runtime._dispatcher
    start = dispatcher.start

    def start_while_draining(*arguments: object) -> None:
        dispatcher._scheduler.closed = True
        start(*arguments)  # type: ignore[arg-type]  # passed on as they are

    dispatcher.start = start_while_draining  # type: ignore[method-assign]  # for this one claim
    await wait(engine, 6.0)
    await engine.reaches(delivery_id, DeliveryState.PENDING)
    (circuit,) = await engine.rows(CIRCUITS)
    assert (circuit["state"], circuit["permits"]) == ("half_open", [])


async def test_after_a_shortage_the_concurrency_of_a_lane_shrinks_and_grows_again(
    engine: RunningEngine,
) -> None:
    await engine.endpoint(max_in_flight=8, retry=TWO_ATTEMPTS)
    engine.sender.default = NO_DESCRIPTORS
    deliveries = [await engine.send_one() for _ in range(8)]
    await engine.quiet()
    engine.sender.default = Response(200)
    engine.sender.most_in_flight = 0
    engine.sender.hold()
    await wait(engine, 0.5)
    assert 1 <= engine.sender.most_in_flight <= 4
    engine.sender.release()
    for delivery_id in deliveries:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_memory_that_runs_out_in_an_attempt_is_a_shortage(engine: RunningEngine) -> None:
    def no_memory(_request: OutboundRequest) -> Outcome:
        raise MemoryError

    await engine.endpoint(retry=TWO_ATTEMPTS)
    engine.sender.script("billing.example", no_memory)
    delivery_id = await engine.send_one()
    await engine.sent(1)
    await engine.quiet()
    row = await engine.row(delivery_id)
    assert (row["state"], row["failure_class"], row["attempt_count"]) == ("pending", "local_shortage", 0)
    assert "memory" in row["error"]
    await wait(engine, 0.5)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_resend_that_a_shortage_postpones_stays_a_resend(engine: RunningEngine) -> None:
    await engine.endpoint(retry=TWO_ATTEMPTS)
    engine.sender.script("billing.example", Response(400), NO_DESCRIPTORS)
    delivery_id = await engine.send_one()
    await engine.reaches(delivery_id, DeliveryState.FAILED)
    await engine.runtime.operations.deliveries.resend(delivery_id, actor="person:ada")
    await engine.sent(2)
    await wait(engine, 0.5)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert [attempt.trigger for attempt in (await engine.detail(delivery_id)).attempts] == [
        "schedule",
        "manual",
    ]


async def test_a_shortage_is_logged_once_counted_and_named_until_it_is_over(engine: RunningEngine) -> None:
    await engine.endpoint("a.example")
    await engine.endpoint("b.example")
    engine.sender.script("a.example", NO_DESCRIPTORS)
    engine.sender.script("b.example", NO_DESCRIPTORS)
    with capture_logs() as logs:
        await engine.send()
        await engine.sent(2)
        await engine.quiet()
        (notice,) = engine.runtime.notices()
        overview = await engine.runtime.queries.overview.now()
        for _ in range(4):
            await wait(engine, 15.0)
    assert notice.startswith("Breakwater has run out of file descriptors. Raise the limit (`ulimit -n`")
    assert overview.needs_attention
    assert overview.sentence.startswith("Breakwater has run out of file descriptors")
    assert engine.runtime.notices() == ()
    assert "run out" not in (await engine.runtime.queries.overview.now()).sentence
    assert engine.runtime.postponed_attempts() == {Resource.FILE_DESCRIPTORS: 2}
    events = [entry["event"] for entry in logs]
    assert [events.count(event) for event in ("shortage.began", "delivery.postponed", "shortage.ended")] == [
        1,
        2,
        1,
    ]
    assert events.index("shortage.began") < events.index("shortage.ended")


@pytest.mark.parametrize("failures", [1, 7])
async def test_the_library_service_uses_no_retry_for_a_shortage(failures: int) -> None:
    sender, clock = ScriptedSender(), ManualClock()
    sender.script("billing.example", *[NO_DESCRIPTORS] * failures)
    service = WebhookDeliveryService(sender=sender, clock=clock, allowed_networks=[], max_retries=1)
    delivering = asyncio.create_task(service.deliver("https://billing.example/hook", {"n": 1}))
    await settle()
    await clock.advance(40.0)
    assert await delivering is True


async def test_the_library_service_fails_a_delivery_after_a_long_shortage() -> None:
    sender, clock = ScriptedSender(NO_DESCRIPTORS), ManualClock()
    service = WebhookDeliveryService(sender=sender, clock=clock, allowed_networks=[], max_retries=1)
    delivering = asyncio.create_task(service.deliver("https://billing.example/hook", {"n": 1}))
    await settle()
    await clock.advance(60.0)
    assert await delivering is False


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 30), st.integers(1, 64)), max_size=60))
def test_a_lane_never_waits_longer_than_ten_seconds_and_always_sends_at_least_one(
    events: list[tuple[bool, float, int]],
) -> None:
    backoff, now = ShortageBackoff(), 1_000.0
    for is_shortage, seconds, in_flight in events:
        now += seconds
        if is_shortage:
            until = backoff.until(now)
            assert now < until <= now + MAX_SHORTAGE_PAUSE
            backoff.on_shortage(now, until, in_flight)
        else:
            backoff.on_attempt(64)
        assert backoff.limit is None or 1 <= backoff.limit < 64
    for _ in range(64):
        backoff.on_attempt(64)
    assert backoff.limit is None
    assert backoff.until(now + MAX_SHORTAGE_PAUSE) == now + MAX_SHORTAGE_PAUSE + SHORTAGE_PAUSE
