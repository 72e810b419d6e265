"""After a commit this process's memory follows, whatever happens to the caller or to the read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.states import DeliveryState, EndpointState
from breakwater.core.runtime import Runtime
from tests.delivery.running_engine import RunningEngine
from tests.fakes import eventually

ADA = "person:ada"


class Unreadable:
    """The database of a runtime, whose reads fail while `failing` is set."""

    def __init__(self, runtime: Runtime) -> None:
        self.failing = False
        self._read = runtime.database.read

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        if self.failing:
            raise StoreUnavailable("The database cannot be read.")
        async with self._read() as connection:
            yield connection


@pytest.fixture
def reads(engine: RunningEngine, monkeypatch: pytest.MonkeyPatch) -> Unreadable:
    reads = Unreadable(engine.runtime)
    monkeypatch.setattr(engine.runtime.database, "read", reads.read)
    return reads


def cached_state(engine: RunningEngine, endpoint_id: str) -> EndpointState | None:
    endpoint = engine.runtime.endpoint_cache.get(endpoint_id)
    return endpoint and endpoint.state


async def test_a_failed_read_is_repeated_until_memory_is_up_to_date(
    engine: RunningEngine, reads: Unreadable
) -> None:
    endpoint_id = await engine.endpoint()
    reads.failing = True
    await engine.runtime.operations.endpoints.pause(endpoint_id, actor=ADA)  # committed, so it succeeds
    assert cached_state(engine, endpoint_id) is EndpointState.ENABLED
    assert not healthy(engine)
    await engine.clock.advance(5)
    reads.failing = False
    await engine.clock.advance(10)
    await eventually(lambda: cached_state(engine, endpoint_id) is EndpointState.PAUSED)
    await eventually(lambda: healthy(engine))


def healthy(engine: RunningEngine) -> bool:
    return next(task.healthy for task in engine.runtime.health() if task.name == "endpoint-refresh")


async def pause(runtime: Runtime, endpoint_id: str) -> None:
    await runtime.operations.endpoints.pause(endpoint_id, actor=ADA)


async def shorten_the_timeout(runtime: Runtime, endpoint_id: str) -> None:
    await runtime.endpoints.update(endpoint_id, {"timeout_seconds": 3}, actor=ADA)


async def delete(runtime: Runtime, endpoint_id: str) -> None:
    await runtime.endpoints.delete(endpoint_id, actor=ADA)


async def hold(runtime: Runtime, endpoint_id: str) -> None:
    await runtime.operations.circuits.hold(endpoint_id, actor=ADA, reason="migration")


Act = Callable[[Runtime, str], Awaitable[None]]


async def cancelled_after_its_commit(engine: RunningEngine, act: Act, endpoint_id: str) -> None:
    """Begin `act` and cancel it while its transaction is being written."""
    writer = engine.runtime.database.writer
    run = writer.run

    async def run_and_hang_up(work: Callable[[AsyncConnection], Awaitable[Any]], **options: Any) -> Any:
        async def hang_up(connection: AsyncConnection) -> Any:
            caller.cancel()
            return await work(connection)

        return await run(hang_up, **options)

    writer.run = run_and_hang_up  # type: ignore[method-assign]  # restored below
    caller = asyncio.ensure_future(act(engine.runtime, endpoint_id))
    await asyncio.gather(caller, return_exceptions=True)
    writer.run = run  # type: ignore[method-assign]  # see above
    assert caller.cancelled()


@pytest.mark.parametrize(
    ("act", "follows"),
    [
        (pause, lambda engine, id_: cached_state(engine, id_) is EndpointState.PAUSED),
        (shorten_the_timeout, lambda engine, id_: engine.runtime.endpoint_cache.get(id_).timeout == 3),
        (delete, lambda engine, id_: engine.runtime.endpoint_cache.get(id_) is None),
    ],
)
async def test_a_disconnected_caller_does_not_leave_the_cache_outdated(
    engine: RunningEngine, act: Act, follows: Callable[[RunningEngine, str], bool]
) -> None:
    endpoint_id = await engine.endpoint()
    await cancelled_after_its_commit(engine, act, endpoint_id)
    await eventually(lambda: follows(engine, endpoint_id))


async def test_a_hold_whose_caller_disconnected_holds_the_next_message(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    await engine.reaches(await engine.send_one(), DeliveryState.DELIVERED)
    await cancelled_after_its_commit(engine, hold, endpoint_id)
    await engine.quiet()
    await engine.send()
    await engine.quiet()
    assert len(engine.sender.requests) == 1


async def test_a_revoked_key_leaves_the_cache_although_its_caller_disconnected(engine: RunningEngine) -> None:
    keys = engine.runtime.access.keys
    key, token = await keys.create("ci", ["read"], actor=ADA)
    assert await keys.find(token) is not None
    await cancelled_after_its_commit(
        engine, lambda runtime, id_: runtime.access.keys.revoke(id_, actor=ADA), key.id
    )
    await engine.quiet()
    assert await keys.find(token) is None


async def test_concurrent_changes_all_reach_the_cache(
    engine: RunningEngine,
) -> None:
    endpoint_ids = await asyncio.gather(*(engine.endpoint(f"r{n}.example") for n in range(50)))
    await asyncio.gather(*(pause(engine.runtime, endpoint_id) for endpoint_id in endpoint_ids))
    assert {cached_state(engine, endpoint_id) for endpoint_id in endpoint_ids} == {EndpointState.PAUSED}
