"""Holds end at their time, unless somebody changed them in the meantime."""

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.maintenance.hold_expiry import HoldExpiryJob
from tests.delivery.running_engine import RunningEngine

ADA = "person:ada"


async def test_a_hold_that_was_extended_after_the_job_has_read_stays(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    circuits = engine.runtime.operations.circuits
    await circuits.hold(endpoint_id, actor=ADA, reason="window", until=engine.clock.now() + 60)
    engine.clock._now += 61
    await circuits.hold(endpoint_id, actor=ADA, reason="longer", until=engine.clock.now() + 600)
    assert not await HoldExpiryJob(engine.runtime._context).end_hold(endpoint_id)
    circuit = await engine.runtime.queries.circuits.get(endpoint_id)
    assert (circuit.state, circuit.hold_reason) == (CircuitState.OPEN, "longer")


async def test_an_expired_hold_leaves_the_circuit_half_open(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    circuits = engine.runtime.operations.circuits
    await circuits.hold(endpoint_id, actor=ADA, reason="window", until=engine.clock.now() + 60)
    engine.clock._now += 61
    assert await HoldExpiryJob(engine.runtime._context).end_hold(endpoint_id)
    circuit = await engine.runtime.queries.circuits.get(endpoint_id)
    assert (circuit.state, circuit.on_hold) == (CircuitState.HALF_OPEN, False)
