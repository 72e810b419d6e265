"""A service opens, updates endpoints that have moved, and only then delivers."""

from pathlib import Path

from breakwater.core.domain.outcome import TransportFailure
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.runtime import Runtime
from tests.delivery.running_engine import RunningEngine, settings_for
from tests.delivery.test_recovery import abandon
from tests.fakes import ManualClock, ScriptedSender, settle


def on_file(tmp_path: Path, clock: ManualClock, sender: ScriptedSender) -> RunningEngine:
    url = f"sqlite+aiosqlite:///{tmp_path / 'kept.db'}"
    settings = settings_for(tmp_path, database_url=url, drain_seconds=0)
    return RunningEngine(Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5), clock, sender)


async def test_due_deliveries_wait_at_start_until_their_endpoint_has_its_new_url(
    tmp_path: Path,
) -> None:
    clock, sender = ManualClock(), ScriptedSender()
    earlier = on_file(tmp_path, clock, sender)
    async with earlier.runtime:
        endpoint = await earlier.endpoint("before.example")
        sender.script("before.example", TransportFailure(FailureClass.CONNECT, "connection refused"))
        delivery = await earlier.send_one()
        await earlier.attempted(delivery, 1)
    later = on_file(tmp_path, clock, sender)
    await later.runtime.open()
    try:
        await clock.advance(3600)
        await settle()
        assert await later.state(delivery) is DeliveryState.PENDING
        new_url = {"url": "https://after.example/hook"}
        await later.runtime.endpoints.update(endpoint, new_url, actor="breakwater")
        await later.runtime.deliver()
        await later.reaches(delivery, DeliveryState.DELIVERED)
    finally:
        await later.runtime.stop()
    assert len(sender.sent_to("before.example")) == 1
    assert len(sender.sent_to("after.example")) == 1


async def test_deliveries_of_a_dead_process_wait_for_the_new_url_too(tmp_path: Path) -> None:
    clock, sender = ManualClock(), ScriptedSender()
    earlier = on_file(tmp_path, clock, sender)
    async with earlier.runtime:
        endpoint = await earlier.endpoint("before.example")
        sender.hold()
        delivery = await earlier.send_one()
        await earlier.sent(1)
        await abandon(earlier, delivery)
        sender.release()
    later = on_file(tmp_path, clock, sender)
    await later.runtime.open()
    try:
        await settle()
        await later.runtime.endpoints.update(
            endpoint, {"url": "https://after.example/hook"}, actor="breakwater"
        )
        assert await later.state(delivery) is DeliveryState.IN_FLIGHT
        await later.runtime.deliver()
        await later.reaches(delivery, DeliveryState.DELIVERED)
    finally:
        await later.runtime.stop()
    assert len(sender.sent_to("before.example")) == 1
    assert len(sender.sent_to("after.example")) == 1
