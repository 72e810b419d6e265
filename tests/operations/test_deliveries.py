"""Resend, cancel, pause and resume."""

import pytest

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.states import DeliveryState, FailureClass, Trigger
from tests.delivery.running_engine import RunningEngine

ADA = "person:ada"
DOWN = TransportFailure(FailureClass.CONNECT, "connection refused")


async def failed(engine: RunningEngine) -> str:
    engine.sender.script("billing.example", Response(400))
    delivery_id = await engine.send_one()
    await engine.reaches(delivery_id, DeliveryState.FAILED)
    return delivery_id


async def test_a_failed_delivery_is_resent_under_its_own_id_and_numbering(engine: RunningEngine) -> None:
    await engine.endpoint()
    delivery_id = await failed(engine)
    done = await engine.runtime.operations.deliveries.resend(delivery_id, actor=ADA, reason="fixed")
    assert "attempt 2" in done.message
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    detail = await engine.detail(delivery_id)
    assert [(a.number, a.trigger) for a in detail.attempts] == [(1, Trigger.SCHEDULE), (2, Trigger.MANUAL)]
    assert len({dict(request.headers)["webhook-id"] for request in engine.sender.requests}) == 1
    entry = (await engine.runtime.queries.audit.list()).items[0]
    assert (entry.actor, entry.action, entry.subject) == (ADA, "delivery.resend", delivery_id)


async def test_a_resend_restarts_the_retry_schedule(engine: RunningEngine) -> None:
    await engine.endpoint(retry={"delays": [1], "jitter": 0})
    delivery_id = await failed(engine)
    engine.sender.script("billing.example", Response(500), Response(200))
    await engine.runtime.operations.deliveries.resend(delivery_id, actor=ADA)
    await engine.attempted(delivery_id, 2)
    await engine.clock.advance(1.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_delivered_delivery_can_be_resent(engine: RunningEngine) -> None:
    await engine.endpoint()
    delivery_id = await engine.send_one()
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    await engine.runtime.operations.deliveries.resend(delivery_id, actor=ADA)
    await engine.attempted(delivery_id, 2)


async def test_an_attempt_in_flight_is_neither_resent_nor_cancelled(engine: RunningEngine) -> None:
    await engine.endpoint()
    engine.sender.hold()
    delivery_id = await engine.send_one()
    with pytest.raises(Conflict):
        await engine.runtime.operations.deliveries.resend(delivery_id, actor=ADA)
    with pytest.raises(Conflict):
        await engine.runtime.operations.deliveries.cancel(delivery_id, actor=ADA)
    assert await engine.state(delivery_id) is DeliveryState.IN_FLIGHT


async def test_a_cancelled_delivery_is_not_sent_until_it_is_resent(engine: RunningEngine) -> None:
    await engine.endpoint(retry={"delays": [10], "jitter": 0})
    engine.sender.script("billing.example", Response(500))
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    await engine.runtime.operations.deliveries.cancel(delivery_id, actor=ADA)
    await engine.clock.advance(60.0)
    await engine.quiet()
    assert len(engine.sender.requests) == 1
    await engine.runtime.operations.deliveries.resend(delivery_id, actor=ADA)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_resend_behind_an_open_circuit_waits_and_reports_it(engine: RunningEngine) -> None:
    await engine.endpoint(circuit={"failure_threshold": 1, "timeout_seconds": 60})
    delivery_id = await failed(engine)
    engine.sender.script("billing.example", DOWN)
    await engine.attempted(await engine.send_one(), 1)
    done = await engine.runtime.operations.deliveries.resend(delivery_id, actor=ADA)
    assert "circuit is open" in done.message
    await engine.quiet()
    assert await engine.state(delivery_id) is DeliveryState.PENDING


async def test_send_now_with_an_open_circuit_is_a_probe_and_is_sent_first(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint(
        circuit={"failure_threshold": 1, "timeout_seconds": 60, "half_open_max_calls": 1}
    )
    delivery_id = await failed(engine)
    engine.sender.script("billing.example", DOWN, Response(200))
    await engine.attempted(await engine.send_one(), 1)
    for _ in range(5):
        await engine.send_one()
    engine.sender.default = DOWN
    await engine.runtime.operations.deliveries.resend(delivery_id, actor=ADA, now=True)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    latest = (await engine.detail(delivery_id)).attempts[-1]
    assert latest.trigger is Trigger.PROBE
    transitions = await engine.runtime.queries.circuits.transitions(endpoint_id)
    assert ("half_open", ADA) in {(transition.to_state, transition.actor) for transition in transitions}


async def test_send_now_does_not_break_a_hold(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    delivery_id = await failed(engine)
    await engine.runtime.operations.circuits.hold(endpoint_id, actor=ADA, reason="migration")
    with pytest.raises(Conflict, match="migration"):
        await engine.runtime.operations.deliveries.resend(delivery_id, actor=ADA, now=True)
    assert await engine.state(delivery_id) is DeliveryState.FAILED


async def test_a_paused_endpoint_holds_deliveries_and_a_resume_releases_them(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    await engine.runtime.operations.endpoints.pause(endpoint_id, actor=ADA, reason="maintenance")
    delivery_id = await engine.send_one()
    await engine.clock.advance(100.0)
    await engine.quiet()
    assert engine.sender.requests == []
    assert (await engine.detail(delivery_id)).row.held
    done = await engine.runtime.operations.endpoints.resume(endpoint_id, actor=ADA)
    assert done.affected == 1
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_disabled_endpoint_resumes_with_a_pristine_circuit(
    engine: RunningEngine,
) -> None:
    endpoint_id = await engine.endpoint(circuit={"failure_threshold": 2, "timeout_seconds": 60})
    engine.sender.script("billing.example", DOWN, Response(410))
    await engine.attempted(await engine.send_one(), 1)
    await engine.reaches(await engine.send_one(), DeliveryState.FAILED)
    await engine.quiet()
    await engine.runtime.operations.endpoints.resume(endpoint_id, actor=ADA)
    circuit = await engine.runtime.queries.circuits.get(endpoint_id)
    assert (circuit.state, circuit.failure_count) == (CircuitState.CLOSED, 0)


async def test_an_unknown_delivery_cannot_be_resent(engine: RunningEngine) -> None:
    with pytest.raises(NotFound):
        await engine.runtime.operations.deliveries.resend("dlv_nobody", actor=ADA)


async def test_deliveries_in_flight_to_a_deleted_endpoint_end_as_cancelled(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    engine.sender.hold()
    delivery_id = await engine.send_one()
    await engine.sent(1)
    await engine.runtime.endpoints.delete(endpoint_id, actor=ADA)
    engine.sender.default = Response(500)
    engine.sender.release()
    await engine.attempted(delivery_id, 1)
    await engine.clock.advance(6.0)
    await engine.reaches(delivery_id, DeliveryState.CANCELLED)


async def test_several_deliveries_are_resent_with_one_audit_entry_that_names_them(
    engine: RunningEngine,
) -> None:
    await engine.endpoint()
    ids = [await failed(engine) for _ in range(3)]
    others = await failed(engine)
    done = await engine.runtime.operations.deliveries.resend_many([*ids, ids[0]], actor=ADA, reason="fixed")
    assert (done.message, done.affected) == ("3 deliveries resent.", 3)
    for delivery_id in ids:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert await engine.state(others) is DeliveryState.FAILED
    entry, *_ = (await engine.runtime.queries.audit.list()).items
    assert (entry.actor, entry.action, entry.reason) == (ADA, "delivery.resend_many", "fixed")
    assert (entry.affected, entry.detail) == (3, {"ids": sorted(ids)})


async def test_deliveries_of_a_bulk_resend_that_cannot_be_resent_are_skipped_and_counted(
    engine: RunningEngine,
) -> None:
    gone = await engine.endpoint("gone.example", event_types=["gone"])
    await engine.endpoint(event_types=["invoice.paid"])
    deleted = await engine.send_one(event_type="gone")
    await engine.reaches(deleted, DeliveryState.DELIVERED)
    await engine.runtime.endpoints.delete(gone, actor=ADA)
    delivery_id = await failed(engine)
    engine.sender.hold()
    in_flight = await engine.send_one()
    many = engine.runtime.operations.deliveries.resend_many
    done = await many([delivery_id, in_flight, deleted, "dlv_nobody"], actor=ADA)
    assert done.message == "1 of 4 deliveries resent. The rest were skipped."
    with pytest.raises(Conflict):
        await many([in_flight, "dlv_nobody"], actor=ADA)


async def test_a_bulk_resend_behind_an_open_circuit_waits_and_reports_it(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    ids = [await failed(engine) for _ in range(2)]
    await engine.runtime.operations.circuits.hold(endpoint_id, actor=ADA, reason="migration")
    done = await engine.runtime.operations.deliveries.resend_many(ids, actor=ADA)
    assert "2 will wait" in done.message
    await engine.quiet()
    assert {await engine.state(delivery_id) for delivery_id in ids} == {DeliveryState.PENDING}


@pytest.mark.parametrize("count", [0, 201])
async def test_a_bulk_resend_of_none_or_too_many_is_refused(engine: RunningEngine, count: int) -> None:
    ids = [f"dlv_{number}" for number in range(count)]
    with pytest.raises(InvalidInput, match="200"):
        await engine.runtime.operations.deliveries.resend_many(ids, actor=ADA)
