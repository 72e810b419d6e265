"""The names of the specification, on the real engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import respx

from breakwater import (
    CircuitBreakerConfig,
    InvalidInput,
    NotificationMessage,
    NotificationRecipient,
    NotificationStatus,
    RetryConfig,
    WebhookAdapter,
    WebhookDelivery,
    WebhookDeliveryService,
)
from tests.fakes import ManualClock

HOOK = "https://example.com/hook"
QUICK = RetryConfig(max_retries=2, initial_delay=0.01, multiplier=1.0)


@pytest.fixture
async def adapter() -> AsyncIterator[WebhookAdapter]:
    breaker = CircuitBreakerConfig(failure_threshold=3, timeout_seconds=600)
    async with WebhookAdapter(QUICK, breaker, signing_secret="a secret of the tests") as connected:
        yield connected


def to(*urls: str) -> NotificationMessage:
    return NotificationMessage([NotificationRecipient(url) for url in urls], payload={"test": True})


@respx.mock
async def test_successful_delivery() -> None:
    respx.post(HOOK).respond(200)
    service = WebhookDeliveryService()
    result = await service.deliver(HOOK, {"test": True})
    assert result is True


@respx.mock
async def test_retry_on_5xx() -> None:
    route = respx.post(HOOK)
    route.side_effect = [httpx.Response(500), httpx.Response(500), httpx.Response(200)]
    clock = ImpatientClock()
    assert await WebhookDeliveryService(clock=clock).deliver(HOOK, {"test": True}) is True
    assert route.call_count == 3
    assert clock.slept == [1.0, 2.0]


class ImpatientClock(ManualClock):
    """Sleeps take no time, and are remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds


@respx.mock
async def test_a_fourth_attempt_waits_four_seconds() -> None:
    route = respx.post(HOOK).respond(500)
    clock = ImpatientClock()
    assert await WebhookDeliveryService(clock=clock, max_retries=4).deliver(HOOK, {}) is False
    assert (route.call_count, clock.slept) == (4, [1.0, 2.0, 4.0])


@pytest.mark.parametrize("status", [301, 400, 401, 404, 408, 410, 425, 429])
@respx.mock
async def test_neither_a_4xx_nor_a_redirect_is_retried_or_delivered(status: int) -> None:
    route = respx.post(HOOK).respond(status, headers={"Location": "https://elsewhere.example/"})
    assert await WebhookDeliveryService(clock=ImpatientClock()).deliver(HOOK, {"test": True}) is False
    assert route.call_count == 1


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
@respx.mock
async def test_a_missing_response_is_retried_and_never_raises(error: Exception) -> None:
    route = respx.post(HOOK)
    route.side_effect = error
    assert await WebhookDeliveryService(clock=ImpatientClock()).deliver(HOOK, {"test": True}) is False
    assert route.call_count == 3


@respx.mock
async def test_an_empty_payload_is_sent_as_an_empty_object() -> None:
    route = respx.post(HOOK).respond(204)
    assert await WebhookDeliveryService().deliver(HOOK, {})
    request = route.calls.last.request
    assert (request.content, request.headers["content-type"]) == (b"{}", "application/json")


NOT_JSON = [
    ({"x": float("nan")}, "payload.x"),
    ({"items": [1.0, {"price": float("-inf")}]}, "payload.items.1.price"),
    ({"t": "\ud83d"}, "payload.t"),
    ({"\ud83d": 1}, "payload"),
    ({"x": object()}, "payload"),
]


@pytest.mark.parametrize(("payload", "field"), NOT_JSON)
@respx.mock
async def test_a_payload_that_is_not_json_raises_and_nothing_is_sent(
    payload: dict[str, object], field: str
) -> None:
    route = respx.post(HOOK).respond(200)
    with pytest.raises(InvalidInput) as caught:
        await WebhookDeliveryService().deliver(HOOK, payload)
    assert caught.value.problems[0].field == field
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    assert not route.called


@pytest.mark.parametrize(("payload", "field"), NOT_JSON)
async def test_the_adapter_refuses_a_payload_that_is_not_json(
    adapter: WebhookAdapter, payload: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await adapter.send(NotificationMessage([NotificationRecipient(HOOK)], payload=payload))
    assert caught.value.problems[0].field == field


async def test_a_payload_that_contains_itself_is_refused() -> None:
    payload: dict[str, object] = {}
    payload["self"] = payload
    with pytest.raises(InvalidInput, match="contains itself"):
        await WebhookDeliveryService().deliver(HOOK, payload)


async def test_a_private_address_is_not_requested() -> None:
    assert await WebhookDeliveryService(allowed_networks=()).deliver("http://127.0.0.1:9/hook", {}) is False


@respx.mock
async def test_every_recipient_has_its_own_record(adapter: WebhookAdapter) -> None:
    respx.post("https://one.example/hook").respond(200)
    respx.post("https://two.example/hook").respond(400)
    result = await adapter.send(to("https://one.example/hook", "https://two.example/hook"))
    assert result.status is NotificationStatus.FAILED
    assert result.by_recipient == {
        "https://one.example/hook": NotificationStatus.DELIVERED,
        "https://two.example/hook": NotificationStatus.FAILED,
    }
    records = await adapter.get_delivery_details(result.message_id)
    assert [record.webhook_url for record in records] == [
        "https://one.example/hook",
        "https://two.example/hook",
    ]
    assert [record.attempts[0].status_code for record in records] == [200, 400]


@respx.mock
async def test_two_recipients_at_one_url_are_two_deliveries(adapter: WebhookAdapter) -> None:
    route = respx.post(HOOK).respond(200)
    result = await adapter.send(to(HOOK, HOOK))
    assert route.call_count == 2
    assert len(await adapter.get_delivery_details(result.message_id)) == 2


@respx.mock
async def test_send_returns_after_the_last_retry(adapter: WebhookAdapter) -> None:
    respx.post(HOOK).side_effect = [httpx.Response(500), httpx.Response(503), httpx.Response(200)]
    result = await adapter.send(to(HOOK))
    assert result.success
    (record,) = await adapter.get_delivery_details(result.message_id)
    fields = record.to_dict()
    assert [attempt["status_code"] for attempt in fields["attempts"]] == [500, 503, 200]
    assert (fields["final_status"], fields["payload"], fields["webhook_url"]) == (
        "delivered",
        {"test": True},
        HOOK,
    )


@respx.mock
async def test_an_open_circuit_holds_deliveries_and_loses_none(adapter: WebhookAdapter) -> None:
    respx.post(HOOK).respond(500)
    assert (await adapter.send(to(HOOK))).status is NotificationStatus.FAILED
    held = await adapter.send(to(HOOK))
    assert held.status is NotificationStatus.HELD
    assert await adapter.get_status(held.message_id) is NotificationStatus.HELD
    circuit = await adapter.get_circuit_breaker_status(HOOK)
    assert (circuit["state"], circuit["failure_count"], circuit["held"]) == ("open", 3, 1)


@respx.mock
async def test_the_dead_letter_callback_gets_failed_deliveries() -> None:
    respx.post(HOOK).respond(500)
    dead: list[WebhookDelivery] = []
    async with WebhookAdapter(QUICK, dead_letter_callback=dead.append) as adapter:
        await adapter.send(to(HOOK))
    assert [len(record.attempts) for record in dead] == [3]


@respx.mock
async def test_requests_carry_the_adapters_signature(adapter: WebhookAdapter) -> None:
    route = respx.post(HOOK).respond(200)
    await adapter.send(to(HOOK))
    headers = route.calls.last.request.headers
    assert headers["x-webhook-signature"].startswith("v1=")
    assert headers["x-webhook-timestamp"].isdigit()
    assert headers["x-webhook-delivery-id"]


@respx.mock
async def test_a_batch_returns_its_results_in_order(adapter: WebhookAdapter) -> None:
    respx.post("https://one.example/hook").respond(200)
    respx.post("https://two.example/hook").respond(404)
    results = await adapter.send_batch([to("https://one.example/hook"), to("https://two.example/hook")])
    assert [result.success for result in results] == [True, False]


async def test_a_message_without_recipients_is_refused(adapter: WebhookAdapter) -> None:
    with pytest.raises(InvalidInput):
        await adapter.send(to())


@respx.mock
async def test_a_durable_adapter_keeps_its_records_across_restarts(tmp_path: Path) -> None:
    respx.post(HOOK).respond(200)
    url = f"sqlite+aiosqlite:///{tmp_path}/adapter.db"
    async with WebhookAdapter(QUICK, database_url=url) as adapter:
        result = await adapter.send(to(HOOK))
    async with WebhookAdapter(QUICK, database_url=url) as adapter:
        assert await adapter.get_status(result.message_id) is NotificationStatus.DELIVERED
