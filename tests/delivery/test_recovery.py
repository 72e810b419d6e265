"""Lost workers, database outages and restarts lose nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.delivery.recovery import ROUND_SECONDS
from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.lease import LEASE_GRACE
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass
from breakwater.core.runtime import Runtime
from breakwater.core.store.commands.accept import AcceptMessage
from breakwater.core.store.commands.claim import ClaimDue
from breakwater.core.store.commands.record import SaveAttempt
from breakwater.core.store.schema import DELIVERIES
from tests.delivery.running_engine import RunningEngine, settings_for
from tests.fakes import ManualClock, ScriptedSender


async def abandon(engine: RunningEngine, delivery_id: str) -> None:
    """Give the claim to another worker whose lease has expired."""

    async def other_worker(connection: AsyncConnection) -> None:
        await connection.execute(
            update(DELIVERIES)
            .where(DELIVERIES.c.id == delivery_id)
            .values(claim_token="clm_other", claimed_by="other:1", lease_until=engine.clock.now() - 1)
        )

    await engine.runtime.database.writer.run(other_worker)


@contextmanager
def database_away(engine: RunningEngine, why: str) -> Iterator[None]:
    """Let nothing be written for a while."""
    writer = engine.runtime.database.writer
    submit = writer.submit

    async def refuse(_command: object, **_options: object) -> None:
        raise StoreUnavailable(why)

    writer.submit = refuse  # type: ignore[method-assign]  # the fault under test
    yield
    writer.submit = submit  # type: ignore[method-assign]  # it is back


@contextmanager
def slow_commit(engine: RunningEngine, command_type: type) -> Iterator[list[str]]:
    """Let the first commit of such a command take as long as the grace of a lease; list the commands."""
    writer = engine.runtime.database.writer
    submit = writer.submit
    commands: list[str] = []

    async def submit_slowly(command: Any, on_commit: Any = None, **options: Any) -> Any:
        first = isinstance(command, command_type) and command_type.__name__ not in commands
        commands.append(type(command).__name__)

        def pass_time(result: Any) -> None:
            if first:
                engine.clock._now += LEASE_GRACE
            if on_commit is not None:
                on_commit(result)

        return await submit(command, on_commit=pass_time, **options)

    writer.submit = submit_slowly  # type: ignore[assignment,method-assign]  # the fault under test
    yield commands
    writer.submit = submit  # type: ignore[method-assign]  # it is back


@contextmanager
def commit_outcome_unknown(engine: RunningEngine) -> Iterator[None]:
    """Lose the connection once, after the commit of an attempt and before the response."""
    writer = engine.runtime.database.writer
    submit = writer.submit
    lost: list[object] = []

    async def lose(command: Any, **options: Any) -> Any:
        result = await submit(command, **options)
        if isinstance(command, SaveAttempt) and not lost:
            lost.append(command)
            raise StoreUnavailable("the connection was lost")
        return result

    writer.submit = lose  # type: ignore[assignment,method-assign]  # the fault under test
    yield
    writer.submit = submit  # type: ignore[method-assign]  # it is back
    assert lost


async def test_the_claim_of_a_dead_worker_is_requeued_and_recorded_as_lost(engine: RunningEngine) -> None:
    await engine.endpoint()
    engine.sender.hold()
    delivery_id = await engine.send_one()
    await engine.sent(1)
    await abandon(engine, delivery_id)
    engine.sender.release()
    await engine.clock.advance(ROUND_SECONDS + 1)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    attempts = (await engine.detail(delivery_id)).attempts
    assert [attempt.failure_class for attempt in attempts] == [FailureClass.LOST, None]
    assert "may have been delivered" in (attempts[0].error or "")


async def test_a_result_whose_claim_was_requeued_changes_nothing(engine: RunningEngine) -> None:
    await engine.endpoint()
    engine.sender.hold()
    delivery_id = await engine.send_one()
    await engine.sent(1)
    await abandon(engine, delivery_id)
    engine.sender.release()
    await engine.quiet()
    row = await engine.row(delivery_id)
    assert (row["state"], row["claim_token"], row["attempt_count"]) == ("in_flight", "clm_other", 0)


async def test_a_delivery_whose_workers_keep_dying_fails_with_the_reason(engine: RunningEngine) -> None:
    await engine.endpoint()
    engine.sender.hold()
    delivery_id = await engine.send_one()
    for died in range(1, 4):
        await engine.sent(died)
        await abandon(engine, delivery_id)
        await engine.clock.advance(ROUND_SECONDS + 1)
        await engine.attempted(delivery_id, died)
    row = await engine.row(delivery_id)
    assert row["state"] == "failed"
    assert "3 times in a row" in row["error"]


async def test_a_result_is_written_after_an_outage(engine: RunningEngine) -> None:
    await engine.endpoint()
    engine.sender.hold()
    delivery_id = await engine.send_one()
    with database_away(engine, "the disk is full"):
        engine.sender.release()
        await engine.clock.advance(5.0)
    await engine.clock.advance(10.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert len(engine.sender.requests) == 1


async def test_an_endpoint_disabled_by_a_result_with_an_unknown_commit_gets_no_deliveries(
    engine: RunningEngine,
) -> None:
    endpoint_id = await engine.endpoint()
    engine.sender.default = Response(410)
    with commit_outcome_unknown(engine):
        delivery_id = await engine.send_one()
        await engine.reaches(delivery_id, DeliveryState.FAILED)
        await engine.clock.advance(1.0)
        await engine.quiet()
    endpoint = engine.runtime.endpoint_cache.get(endpoint_id)
    assert endpoint is not None
    assert endpoint.state is EndpointState.DISABLED
    await engine.send_one()
    await engine.quiet()
    assert len(engine.sender.requests) == 1


async def test_a_pause_requested_by_a_result_with_an_unknown_commit_is_respected(
    engine: RunningEngine,
) -> None:
    await engine.endpoint()
    engine.sender.default = Response(429, (("retry-after", "300"),))
    with commit_outcome_unknown(engine):
        delivery_id = await engine.send_one()
        await engine.attempted(delivery_id, 1)
        await engine.clock.advance(1.0)
        await engine.quiet()
    await engine.send_one()
    await engine.clock.advance(60.0)
    await engine.quiet()
    assert len(engine.sender.requests) == 1


async def test_a_result_is_written_after_an_outage_longer_than_its_lease_and_is_not_sent_again(
    engine: RunningEngine,
) -> None:
    await engine.endpoint()
    engine.sender.hold()
    delivery_id = await engine.send_one()
    with database_away(engine, "another program holds a lock on it"):
        engine.sender.release()
        await engine.clock.advance(60.0)
    await engine.runtime._lease_reaper.requeue_expired()  # looks before the result is tried again
    await engine.clock.advance(30.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert [attempt.failure_class for attempt in (await engine.detail(delivery_id)).attempts] == [None]
    assert len(engine.sender.requests) == 1


@pytest.mark.parametrize("command", [AcceptMessage, ClaimDue])
async def test_a_claim_whose_commit_took_long_is_sent_once_under_a_lease_that_covers_the_attempt(
    engine: RunningEngine, command: type
) -> None:
    await engine.endpoint(timeout_seconds=10, retry={"delays": [60], "jitter": 0})
    engine.sender.script("billing.example", Response(500))
    with slow_commit(engine, command) as commands:
        delivery_id = await engine.send_one()
        await engine.attempted(delivery_id, 1)
        engine.sender.hold()
        await engine.clock.advance(60.0)
        await engine.sent(2)
        row = await engine.row(delivery_id)
        assert row["lease_until"] > engine.clock.now() + 10
        engine.sender.release()
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert commands.count("ReleaseClaim") == 1
    assert len(engine.sender.requests) == 2


async def test_a_claim_whose_commit_is_quick_is_not_released(engine: RunningEngine) -> None:
    await engine.endpoint(retry={"delays": [60], "jitter": 0})
    engine.sender.script("billing.example", Response(500))
    with slow_commit(engine, type(None)) as commands:
        delivery_id = await engine.send_one()
        await engine.attempted(delivery_id, 1)
        await engine.clock.advance(60.0)
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert "ReleaseClaim" not in commands


async def test_a_retry_starts_in_time_while_nothing_can_be_read(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.endpoint(retry={"delays": [60], "jitter": 0})
    engine.sender.default = Response(500)
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)

    def refuse() -> None:
        raise StoreUnavailable("every reader is busy")

    with monkeypatch.context() as patch:
        patch.setattr(engine.runtime.database, "read", refuse)
        await engine.clock.advance(61.0)
        await engine.sent(2)
        unhealthy = {task.name for task in engine.runtime.health() if not task.healthy}
    assert "poller" in unhealthy
    assert "dispatcher" not in unhealthy


async def test_a_restart_continues_deliveries_in_flight_and_pending(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path}/breakwater.db", drain_seconds=0
    )
    clock, sender = ManualClock(), ScriptedSender()
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        engine = RunningEngine(runtime, clock, sender)
        await engine.endpoint(max_in_flight=2)
        sender.hold()
        ids = [await engine.send_one() for _ in range(10)]
        await engine.sent(2)
    clock, sender = ManualClock(clock.now()), ScriptedSender(Response(200))
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        engine = RunningEngine(runtime, clock, sender)
        for delivery_id in ids:
            await engine.reaches(delivery_id, DeliveryState.DELIVERED)
        lost = [a.failure_class for i in ids for a in (await engine.detail(i)).attempts].count(
            FailureClass.LOST
        )
        assert lost == 2


async def test_a_restart_with_the_same_hostname_and_pid_requeues_everything_in_flight(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path}/breakwater.db")
    clock, sender = ManualClock(), ScriptedSender()
    killed = RunningEngine(Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5), clock, sender)
    await killed.runtime.start()
    await killed.endpoint()
    sender.hold()
    ids = [await killed.send_one() for _ in range(8)]
    await killed.sent(8)
    await killed.kill()

    clock, sender = ManualClock(clock.now()), ScriptedSender(Response(200))
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        restarted = RunningEngine(runtime, clock, sender)
        for delivery_id in ids:  # time stands still: no lease has ended
            await restarted.reaches(delivery_id, DeliveryState.DELIVERED)
    assert len(sender.requests) == 8


async def test_a_restart_releases_the_permits_of_interrupted_probes(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path}/breakwater.db", drain_seconds=0
    )
    circuit = {
        "failure_threshold": 1,
        "timeout_seconds": 60,
        "half_open_max_calls": 1,
        "success_threshold": 1,
    }
    clock, sender = ManualClock(), ScriptedSender(Response(500))
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        engine = RunningEngine(runtime, clock, sender)
        await engine.endpoint(circuit=circuit)
        delivery_id = await engine.send_one()
        await engine.attempted(delivery_id, 1)
        sender.hold()
        await clock.advance(61)
        await engine.sent(2)  # the only probe, and the process ends under it
    clock, sender = ManualClock(clock.now()), ScriptedSender(Response(200))
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        engine = RunningEngine(runtime, clock, sender)
        await engine.reaches(
            delivery_id, DeliveryState.DELIVERED
        )  # while time stands still: no lease has ended


async def test_draining_waits_for_attempts_and_starts_none(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path}/breakwater.db", drain_seconds=30
    )
    clock, sender = ManualClock(), ScriptedSender()
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        engine = RunningEngine(runtime, clock, sender)
        await engine.endpoint()
        first = await engine.send_one()
        await engine.reaches(first, DeliveryState.DELIVERED)
    assert len(sender.requests) == 1
