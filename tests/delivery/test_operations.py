"""Resend, cancel, pause and resume."""

import pytest

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.domain.outcome import Answered, Unanswered
from breakwater.core.domain.states import DeliveryState, FailureClass, Trigger
from tests.delivery.harbour import Harbour

ADA = "person:ada"
DOWN = Unanswered(FailureClass.CONNECT, "connection refused")


async def failed(harbour: Harbour) -> str:
    harbour.sender.script("billing.example", Answered(400))
    delivery_id = await harbour.send_one()
    await harbour.reaches(delivery_id, DeliveryState.FAILED)
    return delivery_id


async def test_a_failed_delivery_is_resent_under_its_own_id_and_numbering(harbour: Harbour) -> None:
    await harbour.endpoint()
    delivery_id = await failed(harbour)
    done = await harbour.runtime.operations.resend(delivery_id, actor=ADA, reason="fixed")
    assert "attempt 2" in done.sentence
    await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    detail = await harbour.detail(delivery_id)
    assert [(a.number, a.trigger) for a in detail.attempts] == [(1, Trigger.SCHEDULE), (2, Trigger.MANUAL)]
    assert len({dict(request.headers)["webhook-id"] for request in harbour.sender.requests}) == 1
    entry = (await harbour.runtime.insights.audit()).items[0]
    assert (entry.actor, entry.action, entry.subject) == (ADA, "delivery.resend", delivery_id)


async def test_a_resend_gives_the_retry_budget_anew(harbour: Harbour) -> None:
    await harbour.endpoint(retry={"delays": [1], "jitter": 0})
    delivery_id = await failed(harbour)
    harbour.sender.script("billing.example", Answered(500), Answered(200))
    await harbour.runtime.operations.resend(delivery_id, actor=ADA)
    await harbour.attempted(delivery_id, 2)
    await harbour.clock.advance(1.0)
    await harbour.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_delivered_one_can_be_resent(harbour: Harbour) -> None:
    await harbour.endpoint()
    delivery_id = await harbour.send_one()
    await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    await harbour.runtime.operations.resend(delivery_id, actor=ADA)
    await harbour.attempted(delivery_id, 2)


async def test_an_attempt_under_way_is_neither_resent_nor_cancelled(harbour: Harbour) -> None:
    await harbour.endpoint()
    harbour.sender.hold()
    delivery_id = await harbour.send_one()
    with pytest.raises(Conflict):
        await harbour.runtime.operations.resend(delivery_id, actor=ADA)
    with pytest.raises(Conflict):
        await harbour.runtime.operations.cancel(delivery_id, actor=ADA)
    assert await harbour.state(delivery_id) is DeliveryState.IN_FLIGHT


async def test_a_cancelled_delivery_is_sent_no_more_until_it_is_resent(harbour: Harbour) -> None:
    await harbour.endpoint(retry={"delays": [10], "jitter": 0})
    harbour.sender.script("billing.example", Answered(500))
    delivery_id = await harbour.send_one()
    await harbour.attempted(delivery_id, 1)
    await harbour.runtime.operations.cancel(delivery_id, actor=ADA)
    await harbour.clock.advance(60.0)
    await harbour.quiet()
    assert len(harbour.sender.requests) == 1
    await harbour.runtime.operations.resend(delivery_id, actor=ADA)
    await harbour.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_resend_behind_an_open_circuit_waits_and_says_so(harbour: Harbour) -> None:
    await harbour.endpoint(circuit={"failure_threshold": 1, "timeout_seconds": 60})
    delivery_id = await failed(harbour)
    harbour.sender.script("billing.example", DOWN)
    await harbour.attempted(await harbour.send_one(), 1)
    done = await harbour.runtime.operations.resend(delivery_id, actor=ADA)
    assert "circuit is open" in done.sentence
    await harbour.quiet()
    assert await harbour.state(delivery_id) is DeliveryState.PENDING


async def test_send_now_past_an_open_circuit_is_a_probe_and_goes_first(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint(
        circuit={"failure_threshold": 1, "timeout_seconds": 60, "half_open_max_calls": 1}
    )
    delivery_id = await failed(harbour)
    harbour.sender.script("billing.example", DOWN, Answered(200))
    await harbour.attempted(await harbour.send_one(), 1)
    for _ in range(5):
        await harbour.send_one()
    harbour.sender.default = DOWN
    await harbour.runtime.operations.resend(delivery_id, actor=ADA, now=True)
    await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    latest = (await harbour.detail(delivery_id)).attempts[-1]
    assert latest.trigger is Trigger.PROBE
    told = await harbour.runtime.insights.transitions(endpoint_id)
    assert ("half_open", ADA) in {(one.to_state, one.actor) for one in told}


async def test_send_now_does_not_break_a_hold(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint()
    delivery_id = await failed(harbour)
    await harbour.runtime.operations.hold(endpoint_id, actor=ADA, reason="migration")
    with pytest.raises(Conflict, match="migration"):
        await harbour.runtime.operations.resend(delivery_id, actor=ADA, now=True)
    assert await harbour.state(delivery_id) is DeliveryState.FAILED


async def test_a_paused_endpoint_keeps_everything_and_resuming_lets_it_out(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint()
    await harbour.runtime.operations.pause(endpoint_id, actor=ADA, reason="maintenance")
    delivery_id = await harbour.send_one()
    await harbour.clock.advance(100.0)
    await harbour.quiet()
    assert harbour.sender.requests == []
    assert (await harbour.detail(delivery_id)).row.held
    done = await harbour.runtime.operations.resume(endpoint_id, actor=ADA)
    assert done.affected == 1
    await harbour.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_disabled_endpoint_resumes_with_a_circuit_that_has_counted_nothing(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint(circuit={"failure_threshold": 2, "timeout_seconds": 60})
    harbour.sender.script("billing.example", DOWN, Answered(410))
    await harbour.attempted(await harbour.send_one(), 1)
    await harbour.reaches(await harbour.send_one(), DeliveryState.FAILED)
    await harbour.quiet()
    await harbour.runtime.operations.resume(endpoint_id, actor=ADA)
    circuit = await harbour.runtime.insights.circuit(endpoint_id)
    assert (circuit.state, circuit.failure_count) == (CircuitState.CLOSED, 0)


async def test_what_is_not_there_cannot_be_resent(harbour: Harbour) -> None:
    with pytest.raises(NotFound):
        await harbour.runtime.operations.resend("dlv_nobody", actor=ADA)


async def test_what_was_under_way_to_a_deleted_endpoint_ends_cancelled(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint()
    harbour.sender.hold()
    delivery_id = await harbour.send_one()
    await harbour.sent(1)
    await harbour.runtime.endpoints.delete(endpoint_id, actor=ADA)
    harbour.sender.default = Answered(500)
    harbour.sender.let_go()
    await harbour.attempted(delivery_id, 1)
    await harbour.clock.advance(6.0)
    await harbour.reaches(delivery_id, DeliveryState.CANCELLED)


async def test_several_are_resent_at_once_with_one_audit_entry_that_names_them(harbour: Harbour) -> None:
    await harbour.endpoint()
    ids = [await failed(harbour) for _ in range(3)]
    others = await failed(harbour)
    done = await harbour.runtime.operations.resend_many([*ids, ids[0]], actor=ADA, reason="fixed")
    assert (done.sentence, done.affected) == ("Resent 3 deliveries.", 3)
    for delivery_id in ids:
        await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    assert await harbour.state(others) is DeliveryState.FAILED
    entry, *_ = (await harbour.runtime.insights.audit()).items
    assert (entry.actor, entry.action, entry.reason) == (ADA, "delivery.resend_many", "fixed")
    assert (entry.affected, entry.detail) == (3, {"ids": sorted(ids)})


async def test_of_several_those_that_cannot_be_resent_are_left_alone_and_counted(harbour: Harbour) -> None:
    gone = await harbour.endpoint("gone.example", event_types=["gone"])
    await harbour.endpoint(event_types=["invoice.paid"])
    deleted = await harbour.send_one(event_type="gone")
    await harbour.reaches(deleted, DeliveryState.DELIVERED)
    await harbour.runtime.endpoints.delete(gone, actor=ADA)
    delivery_id = await failed(harbour)
    harbour.sender.hold()
    under_way = await harbour.send_one()
    many = harbour.runtime.operations.resend_many
    done = await many([delivery_id, under_way, deleted, "dlv_nobody"], actor=ADA)
    assert done.sentence == "Resent 1 delivery; 3 could not be resent and were left alone."
    with pytest.raises(Conflict):
        await many([under_way, "dlv_nobody"], actor=ADA)


async def test_several_behind_an_open_circuit_wait_and_say_so(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint()
    ids = [await failed(harbour) for _ in range(2)]
    await harbour.runtime.operations.hold(endpoint_id, actor=ADA, reason="migration")
    done = await harbour.runtime.operations.resend_many(ids, actor=ADA)
    assert "2 of them wait" in done.sentence
    await harbour.quiet()
    assert {await harbour.state(delivery_id) for delivery_id in ids} == {DeliveryState.PENDING}


@pytest.mark.parametrize("count", [0, 201])
async def test_none_or_too_many_at_once_are_refused(harbour: Harbour, count: int) -> None:
    ids = [f"dlv_{number}" for number in range(count)]
    with pytest.raises(InvalidInput, match="200"):
        await harbour.runtime.operations.resend_many(ids, actor=ADA)
