"""Endpoints that fail for 120 hours are disabled, unless somebody acted in the meantime."""

from collections.abc import Awaitable, Callable

import pytest

from breakwater.core.domain.outcome import TransportFailure
from breakwater.core.domain.states import EndpointState, FailureClass
from breakwater.core.maintenance.auto_disable import AUTO_DISABLE_AFTER, AutoDisableJob
from breakwater.core.runtime import Runtime
from tests.delivery.running_engine import RunningEngine

ADA = "person:ada"


async def failing_for_five_days(engine: RunningEngine) -> str:
    """Return an endpoint that is due to be disabled; the job of the engine has not looked yet."""
    endpoint_id = await engine.endpoint(
        circuit={"failure_threshold": 1, "timeout_seconds": 600_000, "max_timeout_seconds": None},
        retry={"delays": [600_000], "jitter": 0},
    )
    engine.sender.default = TransportFailure(FailureClass.CONNECT, "connection refused")
    await engine.attempted(await engine.send_one(), 1)
    engine.clock._now += AUTO_DISABLE_AFTER + 1  # nobody wakes up: the test decides who looks first
    return endpoint_id


def job_of(engine: RunningEngine) -> AutoDisableJob:
    return AutoDisableJob(engine.runtime._context)


async def state(engine: RunningEngine, endpoint_id: str) -> EndpointState:
    return (await engine.runtime.endpoints.get(endpoint_id)).state


async def test_an_endpoint_that_failed_for_five_days_is_disabled(engine: RunningEngine) -> None:
    endpoint_id = await failing_for_five_days(engine)
    assert await job_of(engine).disable(endpoint_id)
    assert await state(engine, endpoint_id) is EndpointState.DISABLED


async def reset(runtime: Runtime, endpoint_id: str) -> None:
    await runtime.operations.circuits.reset(endpoint_id, actor=ADA)


async def hold(runtime: Runtime, endpoint_id: str) -> None:
    await runtime.operations.circuits.hold(endpoint_id, actor=ADA, reason="migration")


@pytest.mark.parametrize("act", [reset, hold])
async def test_a_reset_after_the_job_has_read_is_not_overruled(
    engine: RunningEngine, act: Callable[[Runtime, str], Awaitable[None]]
) -> None:
    endpoint_id = await failing_for_five_days(engine)
    await act(engine.runtime, endpoint_id)
    assert not await job_of(engine).disable(endpoint_id)
    assert await state(engine, endpoint_id) is EndpointState.ENABLED
    assert (await engine.runtime.queries.audit.list()).items[0].actor == ADA


async def test_a_pause_after_the_job_has_read_is_not_overruled(engine: RunningEngine) -> None:
    endpoint_id = await failing_for_five_days(engine)
    await engine.runtime.operations.endpoints.pause(endpoint_id, actor=ADA)
    assert not await job_of(engine).disable(endpoint_id)
    assert await state(engine, endpoint_id) is EndpointState.PAUSED
