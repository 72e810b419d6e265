"""Every slot is released exactly once, and a claimed delivery that was never sent is never reported as sent."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from breakwater.core.domain.errors import InvalidInput, StoreUnavailable
from breakwater.core.domain.outcome import Outcome, Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.ports import OutboundRequest
from breakwater.core.runtime import Runtime
from breakwater.core.store.commands.claim import ClaimDue
from breakwater.core.store.schema import ATTEMPTS, DELIVERIES
from tests.delivery.running_engine import RunningEngine, settings_for
from tests.delivery.test_recovery import database_away
from tests.fakes import ManualClock, ScriptedSender, settle

ADA = "person:ada"
ENDPOINTS = 1000
PARALLEL = 25


async def rest(engine: RunningEngine) -> None:
    """Let everything end that can: responses, retries, leases, expiry."""
    for _ in range(8):
        await engine.clock.advance(15.0)
        await engine.quiet()


async def assert_nothing_leaked(engine: RunningEngine) -> None:
    assert engine.slots_taken == 0
    assert not engine.runtime._dispatcher.in_flight
    deliveries = await engine.rows(DELIVERIES)
    assert Counter(row["state"] for row in deliveries)["in_flight"] == 0
    sent = {dict(request.headers)["webhook-id"] for request in engine.sender.requests}
    assert not [
        row for row in deliveries if "may have been" in (row["error"] or "") and row["message_id"] not in sent
    ]
    assert not [row for row in await engine.rows(ATTEMPTS) if row["failure_class"] == "lost"]
    for row in deliveries:
        assert (row["attempt_count"] > 0) == (row["message_id"] in sent), row


async def delete_under_traffic(engine: RunningEngine, number: int, callers: int) -> None:
    """Create an endpoint, send to it and delete it: at a different stage of the sending each time."""
    endpoint_id = await engine.endpoint(
        f"e{number}.example", event_types=[f"type.{number}"], max_in_flight=1 + number % callers
    )
    sending = [asyncio.create_task(engine.send(endpoint_ids=(endpoint_id,))) for _ in range(callers // 2)]
    await settle(number % 23)
    deleting = asyncio.create_task(engine.runtime.endpoints.delete(endpoint_id, actor=ADA))
    await settle(number % 11)
    sending += [asyncio.create_task(engine.send(endpoint_ids=(endpoint_id,))) for _ in range(callers // 2)]
    await deleting
    results = await asyncio.gather(*sending, return_exceptions=True)
    assert not [e for e in results if isinstance(e, BaseException) and not isinstance(e, InvalidInput)]


@pytest.mark.parametrize("held", [False, True], ids=["receivers respond", "receivers hang at first"])
async def test_endpoints_deleted_under_traffic_leave_no_slot_taken(engine: RunningEngine, held: bool) -> None:
    def some_fail(request: OutboundRequest) -> Outcome:
        return Response(500 if int(request.target.host[1:].partition(".")[0]) % 3 == 0 else 200)

    engine.sender.default = some_fail
    if held:
        engine.sender.hold()
    for number in range(20):
        await delete_under_traffic(engine, number, callers=8)
    engine.sender.release()
    await rest(engine)
    await assert_nothing_leaked(engine)
    states = {row["state"] for row in await engine.rows(DELIVERIES)}
    assert states <= {"delivered", "failed", "cancelled"}


async def test_a_thousand_endpoints_created_used_and_deleted_under_traffic_leak_nothing(
    engine: RunningEngine,
) -> None:
    numbers = iter(range(ENDPOINTS))

    async def work() -> None:
        for number in numbers:
            await delete_under_traffic(engine, number, callers=4)

    await asyncio.gather(*(work() for _ in range(PARALLEL)))
    await rest(engine)
    await assert_nothing_leaked(engine)
    deliveries = await engine.rows(DELIVERIES)
    assert len(deliveries) > ENDPOINTS
    assert {row["state"] for row in deliveries} <= {"delivered", "cancelled"}


async def test_a_delivery_whose_endpoint_is_deleted_while_it_is_accepted_is_cancelled_and_never_sent(
    engine: RunningEngine,
) -> None:
    endpoint_id = await engine.endpoint()
    sending = asyncio.create_task(engine.send(endpoint_ids=(endpoint_id,)))
    await asyncio.sleep(0)  # it has reserved its slot
    engine.runtime._dispatcher._scheduler.reconfigure(endpoint_id, None)
    await engine.runtime.endpoints.delete(endpoint_id, actor=ADA)
    delivery_id = (await sending).deliveries[0][0]
    await rest(engine)
    row = await engine.row(delivery_id)
    assert (row["state"], row["attempt_count"], row["claim_token"]) == ("cancelled", 0, None)
    assert engine.sender.requests == []
    await assert_nothing_leaked(engine)


async def test_a_claim_whose_lane_was_removed_is_released_and_cancelled(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint_id = await engine.endpoint(max_in_flight=2)
    await engine.runtime.operations.endpoints.pause(endpoint_id, actor=ADA)
    waiting = [await engine.send_one() for _ in range(2)]
    claim = ClaimDue.apply

    async def delete_after_claim(connection: Any, members: Any) -> Any:
        claimed = await claim(connection, members)
        engine.runtime._dispatcher._scheduler.reconfigure(endpoint_id, None)
        return claimed

    monkeypatch.setattr(ClaimDue, "apply", delete_after_claim)
    await engine.runtime.operations.endpoints.resume(endpoint_id, actor=ADA)
    await engine.quiet()
    assert [await engine.state(id_) for id_ in waiting] == [DeliveryState.PENDING] * 2
    assert engine.sender.requests == []
    assert engine.slots_taken == 0


@pytest.mark.parametrize("turns", range(12))
async def test_a_disconnected_caller_leaks_no_slot_and_its_committed_message_is_sent(
    engine: RunningEngine, turns: int
) -> None:
    await engine.endpoint("a.example", max_in_flight=1)
    await engine.endpoint("b.example")
    caller = asyncio.create_task(engine.send())
    await settle(turns)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await engine.quiet()
    assert {row["state"] for row in await engine.rows(DELIVERIES)} <= {"delivered"}
    await assert_nothing_leaked(engine)


async def test_a_message_whose_caller_disconnects_during_the_commit_is_sent(
    engine: RunningEngine,
) -> None:
    await engine.endpoint()
    caller: asyncio.Task[object] | None = None

    async def hang_up(_connection: object) -> None:
        assert caller is not None
        caller.cancel()

    writing = asyncio.create_task(engine.runtime.database.writer.run(hang_up))
    caller = asyncio.create_task(engine.send())
    await asyncio.gather(writing, caller, return_exceptions=True)
    assert caller.cancelled()
    await engine.quiet()
    assert [row["state"] for row in await engine.rows(DELIVERIES)] == ["delivered"]
    await assert_nothing_leaked(engine)


async def test_an_acceptance_that_fails_releases_its_slots(engine: RunningEngine) -> None:
    await engine.endpoint()
    with database_away(engine, "the disk is full"), pytest.raises(StoreUnavailable):
        await engine.send()
    assert engine.slots_taken == 0


async def test_a_repeated_idempotency_key_takes_no_slot(engine: RunningEngine) -> None:
    await engine.endpoint()
    same = {"idempotency_key": "order-7", "fingerprint": "f"}
    for _ in range(3):
        await engine.send(**same)
    await engine.quiet()
    assert engine.slots_taken == 0
    assert len(engine.sender.requests) == 1


def on_file(tmp_path: Path, **changes: Any) -> RunningEngine:
    url = f"sqlite+aiosqlite:///{tmp_path}/breakwater.db"
    clock, sender = ManualClock(), ScriptedSender()
    runtime = Runtime(
        settings_for(tmp_path, database_url=url, **changes), clock=clock, sender=sender, draw=lambda: 0.5
    )
    return RunningEngine(runtime, clock, sender)


async def rows_after(tmp_path: Path) -> list[Mapping[str, Any]]:
    """Return the deliveries as the stopped process left them."""
    later = on_file(tmp_path)
    await later.runtime.open()
    try:
        return await later.rows(DELIVERIES)
    finally:
        await later.runtime._close()


async def test_a_message_accepted_while_draining_waits_for_the_next_start_and_was_not_sent(
    tmp_path: Path,
) -> None:
    engine = on_file(tmp_path, drain_seconds=30)
    await engine.runtime.start()
    await engine.endpoint()
    sending = asyncio.create_task(engine.send())
    await asyncio.sleep(0)  # it has reserved its slot
    stopping = asyncio.create_task(engine.runtime._dispatcher.drain(30))
    await sending
    await engine.clock.advance(31.0)
    await stopping
    await engine.runtime.stop()
    assert engine.sender.requests == []
    assert engine.slots_taken == 0
    (row,) = await rows_after(tmp_path)
    assert (row["state"], row["attempt_count"], row["claim_token"]) == ("pending", 0, None)


async def test_a_claim_committed_while_draining_is_released(tmp_path: Path) -> None:
    engine = on_file(tmp_path, drain_seconds=0)
    await engine.runtime.start()
    endpoint_id = await engine.endpoint()
    await engine.runtime.operations.endpoints.pause(endpoint_id, actor=ADA)
    await engine.send()
    await engine.runtime.operations.endpoints.resume(endpoint_id, actor=ADA)
    await engine.runtime.stop()  # before the claim of the resumed lane has ended
    assert engine.sender.requests == []
    (row,) = await rows_after(tmp_path)
    assert (row["state"], row["attempt_count"], row["claim_token"]) == ("pending", 0, None)


async def test_a_result_that_is_being_saved_when_the_drain_ends_is_saved(tmp_path: Path) -> None:
    engine = on_file(tmp_path, drain_seconds=0)
    await engine.runtime.start()
    await engine.endpoint()
    engine.sender.hold()
    await engine.send()
    await engine.sent(1)
    engine.sender.release()
    await settle(3)  # the response is here, and its result is with the writer
    await engine.runtime.stop()
    (row,) = await rows_after(tmp_path)
    assert (row["state"], row["attempt_count"]) == ("delivered", 1)
