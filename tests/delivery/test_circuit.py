"""The circuit in the engine: results, holding, probing, and operations of people."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.delivery.dispatcher import POLL_SECONDS
from breakwater.core.delivery.lane import Fetch
from breakwater.core.domain.circuit import CircuitBreaker, CircuitState
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.store.circuits import breaker_for_update, save_breaker
from tests.delivery.running_engine import RunningEngine

CIRCUIT = {"failure_threshold": 3, "success_threshold": 2, "timeout_seconds": 60, "half_open_max_calls": 2}
DOWN = TransportFailure(FailureClass.CONNECT, "connection refused")
ADA = "person:ada"


async def failing(engine: RunningEngine, **fields: object) -> str:
    """Return an endpoint whose circuit three failures have opened."""
    fields = {"circuit": CIRCUIT, "retry": {"delays": [1000], "jitter": 0}, **fields}
    endpoint_id = await engine.endpoint(**fields)
    engine.sender.default = DOWN
    for _ in range(3):
        await engine.attempted(await engine.send_one(), 1)
    assert await state(engine, endpoint_id) is CircuitState.OPEN
    return endpoint_id


async def state(engine: RunningEngine, endpoint_id: str) -> CircuitState:
    return (await engine.runtime.queries.circuits.get(endpoint_id)).state


async def test_an_open_circuit_holds_deliveries_without_using_attempts(engine: RunningEngine) -> None:
    await failing(engine)
    held = await engine.send_one()
    await engine.clock.advance(30.0)
    await engine.quiet()
    assert len(engine.sender.requests) == 3
    detail = await engine.detail(held)
    assert detail.row.held
    assert (detail.row.state, detail.row.attempt_count) == (DeliveryState.PENDING, 0)


async def test_a_recovered_endpoint_is_probed_closed_and_gets_all_held_deliveries(
    engine: RunningEngine,
) -> None:
    endpoint_id = await failing(engine)
    held = [await engine.send_one() for _ in range(30)]
    engine.sender.default = Response(200)
    await engine.clock.advance(60.0)
    for delivery_id in held:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert await state(engine, endpoint_id) is CircuitState.CLOSED
    transitions = await engine.runtime.queries.circuits.transitions(endpoint_id)
    assert [transition.to_state for transition in reversed(transitions)] == ["open", "half_open", "closed"]
    assert transitions[-1].cause == "3 consecutive failures"
    assert transitions[-1].attempt_id is not None


async def test_a_half_open_circuit_admits_at_most_its_probes(engine: RunningEngine) -> None:
    await failing(engine)
    for _ in range(30):
        await engine.send_one()
    engine.sender.default = Response(200)
    engine.sender.most_in_flight = 0
    engine.sender.hold()
    await engine.clock.advance(60.0)
    await engine.quiet()
    assert engine.sender.most_in_flight == CIRCUIT["half_open_max_calls"]


async def test_a_recovered_endpoint_starts_slowly(engine: RunningEngine) -> None:
    endpoint_id = await failing(engine, max_in_flight=20)
    for _ in range(100):
        await engine.send_one()
    engine.sender.default = Response(200)
    engine.sender.hold()
    engine.sender.most_in_flight = 0
    await engine.runtime.operations.circuits.reset(endpoint_id, actor=ADA)
    met = []
    for _ in range(7):
        await engine.quiet()
        met.append(engine.sender.in_flight)
        engine.sender.release()  # ends the attempts in flight, and starts no more
        engine.sender.hold()
    assert met == [1, 2, 4, 8, 16, 20, 20]
    assert engine.sender.most_in_flight == 20


async def test_the_response_of_the_last_probe_does_not_speed_up_the_slow_start(engine: RunningEngine) -> None:
    await failing(engine, circuit={**CIRCUIT, "half_open_max_calls": 5})
    for _ in range(50):
        await engine.send_one()
    engine.sender.default = Response(200)
    engine.sender.hold()
    await engine.clock.advance(60.0)
    await engine.quiet()
    assert engine.sender.in_flight == 5
    engine.sender.release()
    engine.sender.hold()
    await engine.quiet()
    assert engine.sender.in_flight == 1


async def test_a_failed_probe_reopens_the_circuit(engine: RunningEngine) -> None:
    endpoint_id = await failing(engine)
    await engine.send_one()
    await engine.clock.advance(60.0)
    await engine.sent(4)
    await engine.quiet()
    assert await state(engine, endpoint_id) is CircuitState.OPEN
    latest = (await engine.runtime.queries.circuits.transitions(endpoint_id))[0]
    assert latest.cause == "a probe failed: connection refused"


async def test_fifty_concurrent_results_are_one_transition(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint(circuit=CIRCUIT, max_in_flight=50)
    engine.sender.default = DOWN
    engine.sender.hold()
    await asyncio.gather(*(engine.send_one() for _ in range(50)))
    await engine.quiet()
    assert engine.sender.in_flight == 50
    engine.sender.release()
    await engine.quiet()
    assert len(await engine.runtime.queries.circuits.transitions(endpoint_id)) == 1


async def test_a_reset_closes_the_circuit_clears_its_counters_and_releases_held_deliveries(
    engine: RunningEngine,
) -> None:
    endpoint_id = await failing(engine)
    held = await engine.send_one()
    engine.sender.default = Response(200)
    done = await engine.runtime.operations.circuits.reset(endpoint_id, actor=ADA, reason="receiver fixed")
    assert done.affected == 4
    await engine.reaches(held, DeliveryState.DELIVERED)
    circuit = await engine.runtime.queries.circuits.get(endpoint_id)
    assert (circuit.state, circuit.failure_count) == (CircuitState.CLOSED, 0)
    entry = (await engine.runtime.queries.audit.list()).items[0]
    assert (entry.actor, entry.action, entry.subject, entry.reason) == (
        ADA,
        "circuit.reset",
        endpoint_id,
        "receiver fixed",
    )


async def test_a_requested_probe_makes_the_circuit_half_open_immediately(engine: RunningEngine) -> None:
    endpoint_id = await failing(engine)
    held = await engine.send_one()
    engine.sender.default = Response(200)
    await engine.runtime.operations.circuits.probe(endpoint_id, actor=ADA)
    await engine.reaches(held, DeliveryState.DELIVERED)


async def test_a_probe_requires_an_open_circuit(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    with pytest.raises(Conflict):
        await engine.runtime.operations.circuits.probe(endpoint_id, actor=ADA)


async def test_a_hold_holds_all_deliveries_until_it_is_released(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint(circuit=CIRCUIT)
    await engine.runtime.operations.circuits.hold(endpoint_id, actor=ADA, reason="receiver migrates")
    held = await engine.send_one()
    await engine.clock.advance(2_000.0)
    await engine.quiet()
    assert engine.sender.requests == []
    circuit = await engine.runtime.queries.circuits.get(endpoint_id)
    assert (circuit.on_hold, circuit.hold_reason, circuit.held_by) == (True, "receiver migrates", ADA)
    await engine.runtime.operations.circuits.release(endpoint_id, actor=ADA)
    await engine.reaches(held, DeliveryState.DELIVERED)


async def test_a_hold_ends_by_itself_at_its_expiry(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint(circuit=CIRCUIT)
    until = engine.clock.now() + 600
    await engine.runtime.operations.circuits.hold(endpoint_id, actor=ADA, reason="window", until=until)
    held = await engine.send_one()
    await engine.clock.advance(599.0)
    await engine.quiet()
    assert engine.sender.requests == []
    await engine.clock.advance(1.5)
    await engine.reaches(held, DeliveryState.DELIVERED)


async def test_a_hold_requires_a_reason_and_a_future_end(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    with pytest.raises(InvalidInput):
        await engine.runtime.operations.circuits.hold(endpoint_id, actor=ADA, reason=" ")
    with pytest.raises(InvalidInput):
        await engine.runtime.operations.circuits.hold(
            endpoint_id, actor=ADA, reason="x", until=engine.clock.now()
        )
    assert await state(engine, endpoint_id) is CircuitState.CLOSED


async def test_an_unknown_circuit_is_not_found(engine: RunningEngine) -> None:
    with pytest.raises(NotFound):
        await engine.runtime.operations.circuits.reset("ep_nobody", actor=ADA)


async def test_an_attempt_without_a_breaker_signal_releases_its_permit(engine: RunningEngine) -> None:
    endpoint_id = await failing(engine)
    engine.sender.default = Response(429)
    for _ in range(5):
        await engine.send_one()
    await engine.clock.advance(60.0)
    await engine.quiet()
    circuit = await engine.runtime.queries.circuits.get(endpoint_id)
    assert (circuit.state, circuit.half_open_calls) == (CircuitState.HALF_OPEN, 0)


async def test_an_expired_hold_ends_without_traffic(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint(circuit=CIRCUIT)
    until = engine.clock.now() + 60
    await engine.runtime.operations.circuits.hold(endpoint_id, actor=ADA, reason="window", until=until)
    for _ in range(3):  # the round in flight, and the one that sees its result
        await engine.clock.advance(60.0)
        await engine.quiet()
    circuit = await engine.runtime.queries.circuits.get(endpoint_id)
    assert (circuit.state, circuit.on_hold) == (CircuitState.HALF_OPEN, False)


async def test_five_days_without_a_success_disable_the_endpoint_and_hold_its_deliveries(
    engine: RunningEngine,
) -> None:
    endpoint_id = await failing(engine)
    waiting = await engine.send_one(retry_delays=(500_000.0,))
    for _hour in range(121):
        await engine.clock.leap(3600.0)
        await engine.quiet()
    view = await engine.runtime.endpoints.get(endpoint_id)
    assert view.state.value == "disabled"
    assert "120 hours" in (view.state_reason or "")
    assert await engine.state(waiting) is DeliveryState.PENDING
    assert (await engine.runtime.queries.audit.list()).items[0].action == "endpoint.disable"


async def test_a_claim_made_while_half_open_is_for_probes_only(engine: RunningEngine) -> None:
    endpoint_id = await failing(engine, max_in_flight=50)
    for _ in range(20):
        await engine.send_one()
    lane = engine.runtime._dispatcher._scheduler.lane(endpoint_id)
    assert lane is not None
    step = lane.next_step(engine.clock.now() + 61.0, share=1000)
    assert step == Fetch(limit=CIRCUIT["half_open_max_calls"])


async def change_elsewhere(
    engine: RunningEngine, endpoint_id: str, change: Callable[[CircuitBreaker], None]
) -> None:
    """Change a circuit as another process does, without a notification."""
    config = engine.runtime._dispatcher._endpoint_cache.get(endpoint_id).circuit  # type: ignore[union-attr]  # there

    async def write(connection: AsyncConnection) -> None:
        breaker = await breaker_for_update(connection, endpoint_id, config)
        change(breaker)
        now, ids = engine.clock.now(), engine.runtime.ids
        await save_breaker(connection, endpoint_id, breaker, now, ids.make, actor=ADA)

    await engine.runtime.database.writer.run(write)


async def test_a_reset_by_another_process_applies_at_the_next_poll(engine: RunningEngine) -> None:
    endpoint_id = await failing(engine)
    held = await engine.send_one()
    engine.sender.default = Response(200)
    await change_elsewhere(engine, endpoint_id, lambda breaker: breaker.reset(now=engine.clock.now()))
    await engine.clock.advance(POLL_SECONDS + 1)
    await engine.reaches(held, DeliveryState.DELIVERED)


async def test_a_circuit_opened_by_another_process_applies_at_the_next_poll(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint(circuit=CIRCUIT)
    await engine.reaches(await engine.send_one(), DeliveryState.DELIVERED)

    def fail(breaker: CircuitBreaker) -> None:
        for _ in range(3):
            breaker.record_failure(now=engine.clock.now())

    await change_elsewhere(engine, endpoint_id, fail)
    await engine.clock.advance(POLL_SECONDS + 1)
    await engine.quiet()
    held = await engine.send_one()
    await engine.quiet()
    assert await engine.state(held) is DeliveryState.PENDING


async def test_permits_released_by_another_process_are_read_at_the_next_poll(
    engine: RunningEngine,
) -> None:
    endpoint_id = await failing(engine)
    engine.sender.default = Response(200)
    for _ in range(4):
        await engine.send_one()
    engine.sender.hold()
    await engine.clock.advance(60.0)
    await engine.sent(5)  # two probes are in flight: the lane knows of no more permits
    await change_elsewhere(
        engine, endpoint_id, lambda breaker: breaker.release(now=engine.clock.now(), generation=2)
    )
    await engine.clock.advance(POLL_SECONDS + 1)
    await engine.sent(6)


async def test_a_poll_reloads_only_circuits_that_differ(engine: RunningEngine) -> None:
    for number in range(5):
        await engine.endpoint(f"e{number}.example")
    await engine.send()
    await engine.quiet()
    dispatcher = engine.runtime._dispatcher
    read_again: list[int] = []
    refresh = dispatcher.refresh

    async def counted(endpoint_ids: list[str]) -> None:
        read_again.append(len(endpoint_ids))
        await refresh(endpoint_ids)

    dispatcher.refresh = counted  # type: ignore[method-assign,assignment]  # only counts
    await dispatcher.poll()
    assert read_again == [0]
