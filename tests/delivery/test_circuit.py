"""The circuit in the engine: stepped with the attempts, holding, probing, and in the operator's hand."""

import asyncio

import pytest

from breakwater.core.delivery.lane import Claim
from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.domain.outcome import Answered, Unanswered
from breakwater.core.domain.states import DeliveryState, FailureClass
from tests.delivery.harbour import Harbour

CIRCUIT = {"failure_threshold": 3, "success_threshold": 2, "timeout_seconds": 60, "half_open_max_calls": 2}
DOWN = Unanswered(FailureClass.CONNECT, "connection refused")
ADA = "person:ada"


async def failing(harbour: Harbour, **fields: object) -> str:
    """Return an endpoint whose circuit three failures have opened."""
    fields = {"circuit": CIRCUIT, "retry": {"delays": [1000], "jitter": 0}, **fields}
    endpoint_id = await harbour.endpoint(**fields)
    harbour.sender.default = DOWN
    for _ in range(3):
        await harbour.attempted(await harbour.send_one(), 1)
    assert await state(harbour, endpoint_id) is CircuitState.OPEN
    return endpoint_id


async def state(harbour: Harbour, endpoint_id: str) -> CircuitState:
    return (await harbour.runtime.insights.circuit(endpoint_id)).state


async def test_an_open_circuit_holds_and_spends_no_attempts(harbour: Harbour) -> None:
    await failing(harbour)
    held = await harbour.send_one()
    await harbour.clock.advance(30.0)
    await harbour.quiet()
    assert len(harbour.sender.requests) == 3
    detail = await harbour.detail(held)
    assert detail.row.held
    assert (detail.row.state, detail.row.attempt_count) == (DeliveryState.PENDING, 0)


async def test_a_recovered_endpoint_is_probed_then_closed_and_gets_all_it_held(harbour: Harbour) -> None:
    endpoint_id = await failing(harbour)
    held = [await harbour.send_one() for _ in range(30)]
    harbour.sender.default = Answered(200)
    await harbour.clock.advance(60.0)
    for delivery_id in held:
        await harbour.reaches(delivery_id, DeliveryState.DELIVERED)
    assert await state(harbour, endpoint_id) is CircuitState.CLOSED
    told = await harbour.runtime.insights.transitions(endpoint_id)
    assert [transition.to_state for transition in reversed(told)] == ["open", "half_open", "closed"]
    assert told[-1].cause == "3 failures in a row"
    assert told[-1].attempt_id is not None


async def test_half_open_lets_no_more_probes_through_than_allowed(harbour: Harbour) -> None:
    await failing(harbour)
    for _ in range(30):
        await harbour.send_one()
    harbour.sender.default = Answered(200)
    harbour.sender.most_under_way = 0
    harbour.sender.hold()
    await harbour.clock.advance(60.0)
    await harbour.quiet()
    assert harbour.sender.most_under_way == CIRCUIT["half_open_max_calls"]


async def test_a_recovered_endpoint_is_brought_back_step_by_step(harbour: Harbour) -> None:
    endpoint_id = await failing(harbour, max_in_flight=20)
    for _ in range(100):
        await harbour.send_one()
    harbour.sender.default = Answered(200)
    harbour.sender.hold()
    harbour.sender.most_under_way = 0
    await harbour.runtime.operations.reset(endpoint_id, actor=ADA)
    met = []
    for _ in range(7):
        await harbour.quiet()
        met.append(harbour.sender.under_way)
        harbour.sender.let_go()  # answers what is under way, and no more
        harbour.sender.hold()
    assert met == [1, 2, 4, 8, 16, 20, 20]
    assert harbour.sender.most_under_way == 20


async def test_the_last_probes_answer_does_not_hasten_the_slow_start(harbour: Harbour) -> None:
    await failing(harbour, circuit={**CIRCUIT, "half_open_max_calls": 5})
    for _ in range(50):
        await harbour.send_one()
    harbour.sender.default = Answered(200)
    harbour.sender.hold()
    await harbour.clock.advance(60.0)
    await harbour.quiet()
    assert harbour.sender.under_way == 5
    harbour.sender.let_go()
    harbour.sender.hold()
    await harbour.quiet()
    assert harbour.sender.under_way == 1


async def test_a_failed_probe_opens_it_again(harbour: Harbour) -> None:
    endpoint_id = await failing(harbour)
    await harbour.send_one()
    await harbour.clock.advance(60.0)
    await harbour.sent(4)
    await harbour.quiet()
    assert await state(harbour, endpoint_id) is CircuitState.OPEN
    latest = (await harbour.runtime.insights.transitions(endpoint_id))[0]
    assert latest.cause == "a probe failed: connection refused"


async def test_fifty_results_at_once_are_one_transition(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint(circuit=CIRCUIT, max_in_flight=50)
    harbour.sender.default = DOWN
    harbour.sender.hold()
    await asyncio.gather(*(harbour.send_one() for _ in range(50)))
    await harbour.quiet()
    assert harbour.sender.under_way == 50
    harbour.sender.let_go()
    await harbour.quiet()
    assert len(await harbour.runtime.insights.transitions(endpoint_id)) == 1


async def test_a_reset_closes_it_clears_the_counters_and_lets_out_what_it_held(harbour: Harbour) -> None:
    endpoint_id = await failing(harbour)
    held = await harbour.send_one()
    harbour.sender.default = Answered(200)
    done = await harbour.runtime.operations.reset(endpoint_id, actor=ADA, reason="receiver fixed")
    assert done.affected == 4
    await harbour.reaches(held, DeliveryState.DELIVERED)
    circuit = await harbour.runtime.insights.circuit(endpoint_id)
    assert (circuit.state, circuit.failure_count) == (CircuitState.CLOSED, 0)
    entry = (await harbour.runtime.insights.audit()).items[0]
    assert (entry.actor, entry.action, entry.subject, entry.reason) == (
        ADA,
        "circuit.reset",
        endpoint_id,
        "receiver fixed",
    )


async def test_a_probe_half_opens_at_once(harbour: Harbour) -> None:
    endpoint_id = await failing(harbour)
    held = await harbour.send_one()
    harbour.sender.default = Answered(200)
    await harbour.runtime.operations.probe(endpoint_id, actor=ADA)
    await harbour.reaches(held, DeliveryState.DELIVERED)


async def test_a_probe_needs_an_open_circuit(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint()
    with pytest.raises(Conflict):
        await harbour.runtime.operations.probe(endpoint_id, actor=ADA)


async def test_a_hold_keeps_everything_back_until_it_is_released(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint(circuit=CIRCUIT)
    await harbour.runtime.operations.hold(endpoint_id, actor=ADA, reason="receiver migrates")
    held = await harbour.send_one()
    await harbour.clock.advance(2_000.0)
    await harbour.quiet()
    assert harbour.sender.requests == []
    circuit = await harbour.runtime.insights.circuit(endpoint_id)
    assert (circuit.held_open, circuit.hold_reason, circuit.held_by) == (True, "receiver migrates", ADA)
    await harbour.runtime.operations.release(endpoint_id, actor=ADA)
    await harbour.reaches(held, DeliveryState.DELIVERED)


async def test_a_hold_ends_by_itself_at_its_expiry(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint(circuit=CIRCUIT)
    until = harbour.clock.now() + 600
    await harbour.runtime.operations.hold(endpoint_id, actor=ADA, reason="window", until=until)
    held = await harbour.send_one()
    await harbour.clock.advance(599.0)
    await harbour.quiet()
    assert harbour.sender.requests == []
    await harbour.clock.advance(1.5)
    await harbour.reaches(held, DeliveryState.DELIVERED)


async def test_a_hold_needs_a_reason_and_an_end_to_come(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint()
    with pytest.raises(InvalidInput):
        await harbour.runtime.operations.hold(endpoint_id, actor=ADA, reason=" ")
    with pytest.raises(InvalidInput):
        await harbour.runtime.operations.hold(endpoint_id, actor=ADA, reason="x", until=harbour.clock.now())
    assert await state(harbour, endpoint_id) is CircuitState.CLOSED


async def test_an_unknown_circuit_is_said_to_be_unknown(harbour: Harbour) -> None:
    with pytest.raises(NotFound):
        await harbour.runtime.operations.reset("ep_nobody", actor=ADA)


async def test_a_permit_whose_attempt_says_nothing_is_given_back(harbour: Harbour) -> None:
    endpoint_id = await failing(harbour)
    harbour.sender.default = Answered(429)
    for _ in range(5):
        await harbour.send_one()
    await harbour.clock.advance(60.0)
    await harbour.quiet()
    circuit = await harbour.runtime.insights.circuit(endpoint_id)
    assert (circuit.state, circuit.half_open_calls) == (CircuitState.HALF_OPEN, 0)


async def test_a_hold_that_is_over_is_seen_to_be_over_without_any_traffic(harbour: Harbour) -> None:
    endpoint_id = await harbour.endpoint(circuit=CIRCUIT)
    until = harbour.clock.now() + 60
    await harbour.runtime.operations.hold(endpoint_id, actor=ADA, reason="window", until=until)
    for _ in range(3):  # the round that was under way, and the one that sees it
        await harbour.clock.advance(60.0)
        await harbour.quiet()
    circuit = await harbour.runtime.insights.circuit(endpoint_id)
    assert (circuit.state, circuit.held_open) == (CircuitState.HALF_OPEN, False)


async def test_five_days_without_a_success_disable_the_endpoint_and_keep_what_waits(harbour: Harbour) -> None:
    endpoint_id = await failing(harbour)
    waiting = await harbour.send_one(retry_delays=(500_000.0,))
    for _hour in range(121):
        await harbour.clock.leap(3600.0)
        await harbour.quiet()
    view = await harbour.runtime.endpoints.get(endpoint_id)
    assert view.state.value == "disabled"
    assert "120 hours" in (view.state_reason or "")
    assert await harbour.state(waiting) is DeliveryState.PENDING
    assert (await harbour.runtime.insights.audit()).items[0].action == "endpoint.disable"


async def test_a_claim_made_while_half_open_is_for_probes_only(harbour: Harbour) -> None:
    endpoint_id = await failing(harbour, max_in_flight=50)
    for _ in range(20):
        await harbour.send_one()
    lane = harbour.runtime._dispatcher._lanes.get(endpoint_id)
    assert lane is not None
    step = lane.step(harbour.clock.now() + 61.0, share=1000)
    assert step == Claim(limit=CIRCUIT["half_open_max_calls"])
