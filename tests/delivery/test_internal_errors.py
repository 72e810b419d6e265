"""An unexpected exception inside an attempt is recorded as an internal error with its cause."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from breakwater.core.adapters.service import WebhookDeliveryService
from breakwater.core.domain.outcome import Outcome, Response
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.ports import OutboundRequest
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.store.commands.claim import ClaimDue
from breakwater.core.store.commands.record import SaveAttempt
from breakwater.core.store.schema import ALL_ENDPOINTS, CIRCUITS, MINUTE_STATS
from tests.delivery.running_engine import RunningEngine
from tests.fakes import ManualClock, ScriptedSender, settle

TOKEN = "s3cret-token-of-the-receiver"
RETRIES = {"delays": [1, 1], "jitter": 0}


def broken(_request: OutboundRequest) -> Outcome:
    raise KeyError("no such\nheader")


async def test_an_unexpected_exception_is_recorded_once_per_attempt_and_retried_by_the_schedule(
    engine: RunningEngine,
) -> None:
    await engine.endpoint(retry=RETRIES)
    engine.sender.script("billing.example", broken)
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    row = await engine.row(delivery_id)
    assert (row["state"], row["failure_class"]) == ("pending", "internal_error")
    assert row["error"] == "internal error: KeyError: 'no such\\nheader'"
    await engine.clock.advance(1.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    classes = [attempt.failure_class for attempt in (await engine.detail(delivery_id)).attempts]
    assert classes == [FailureClass.INTERNAL_ERROR, None]


async def test_a_delivery_failed_by_an_internal_error_blames_neither_worker_nor_receiver(
    engine: RunningEngine,
) -> None:
    await engine.endpoint(retry=RETRIES, circuit={"failure_threshold": 1})
    engine.sender.default = broken
    delivery_id = await engine.send_one()
    for attempt in (1, 2, 3):
        await engine.attempted(delivery_id, attempt)
        await engine.clock.advance(1.0)
    await engine.reaches(delivery_id, DeliveryState.FAILED)
    why = (await engine.detail(delivery_id)).why
    assert "internal error: KeyError" in why
    assert "worker" not in why
    assert "may have been delivered" not in why
    (circuit,) = await engine.rows(CIRCUITS)
    assert (circuit["state"], circuit["failure_count"]) == ("closed", 0)


def test_lists_can_be_filtered_by_internal_error() -> None:
    assert DeliveryFilter.parse({"class": "internal_error"}).failure_class is FailureClass.INTERNAL_ERROR


async def test_an_internal_error_is_logged_with_its_traceback(engine: RunningEngine) -> None:
    await engine.endpoint(retry=RETRIES)
    engine.sender.script("billing.example", broken)
    with capture_logs() as logs:
        await engine.attempted(await engine.send_one(), 1)
    (entry,) = [entry for entry in logs if entry["event"] == "attempt.internal_error"]
    assert entry["exception"].startswith("Traceback")
    assert "KeyError" in entry["exception"]
    (attempted,) = [entry for entry in logs if entry["event"] == "delivery.attempted"]
    assert attempted["failure_class"] == "internal_error"


async def test_the_text_of_an_internal_error_shows_no_credential(engine: RunningEngine) -> None:
    def leaky(request: OutboundRequest) -> Outcome:
        raise ValueError(f"illegal header value {dict(request.headers)['authorization']!r}" + "x" * 10_000)

    await engine.endpoint(retry=RETRIES, headers={"authorization": TOKEN})
    engine.sender.script("billing.example", leaky)
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    error = (await engine.row(delivery_id))["error"]
    assert error.startswith("internal error: ValueError: illegal header value '•••'")
    assert len(error) <= 300


async def test_the_statistics_count_internal_errors_as_a_separate_outcome(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint(retry=RETRIES)
    engine.sender.script("billing.example", broken)
    await engine.attempted(await engine.send_one(), 1)
    counted = {(row["endpoint_id"], row["outcome"]) for row in await engine.rows(MINUTE_STATS)}
    assert counted == {(endpoint_id, "internal_error"), (ALL_ENDPOINTS, "internal_error")}


@pytest.mark.parametrize(("outcomes", "delivered"), [([broken, Response(200)], True), ([broken] * 3, False)])
async def test_the_library_service_retries_an_internal_error(outcomes: list[object], delivered: bool) -> None:
    sender = ScriptedSender()
    sender.script("billing.example", *outcomes)  # type: ignore[arg-type]  # a list of both kinds
    clock = ManualClock()
    service = WebhookDeliveryService(sender=sender, clock=clock, allowed_networks=[])
    delivering = asyncio.create_task(service.deliver("https://billing.example/hook", {"n": 1}))
    await settle()
    await clock.advance(10.0)
    assert await delivering is delivered


async def test_a_result_that_cannot_be_saved_is_recorded_as_an_internal_error(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.endpoint(retry=RETRIES)
    apply = SaveAttempt.apply

    async def refuse_successes(connection: AsyncConnection, members: Sequence[SaveAttempt]) -> object:
        if any(member.failure is None for member in members):
            raise ValueError("no such column")
        return await apply(connection, members)

    monkeypatch.setattr(SaveAttempt, "apply", refuse_successes)
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    row = await engine.row(delivery_id)
    assert (row["state"], row["error"]) == ("pending", "internal error: ValueError: no such column")
    monkeypatch.undo()
    await engine.clock.advance(1.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)


async def test_a_claim_that_fails_unexpectedly_is_repeated(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint_id = await engine.endpoint()
    await engine.runtime.operations.endpoints.pause(endpoint_id, actor="person:ada")
    delivery_id = await engine.send_one()

    async def fail(_connection: object, _members: object) -> object:
        raise ValueError("a bug")

    monkeypatch.setattr(ClaimDue, "apply", fail)
    await engine.runtime.operations.endpoints.resume(endpoint_id, actor="person:ada")
    await engine.quiet()
    monkeypatch.undo()
    await engine.clock.advance(11.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
