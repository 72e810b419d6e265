"""Many messages in one request: each has its own result, in order."""

from typing import Any

from sqlalchemy import func, select

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.store.schema import MESSAGES
from tests.web.running_app import RunningApp, problems

GOOD: dict[str, Any] = {"event_type": "invoice.paid", "payload": {"n": 1}}


async def submit(service: RunningApp, *messages: Any, status: int = 202, **headers: str) -> Any:
    response = await service.api.post(
        "/api/v1/messages/batch", json={"messages": list(messages)}, headers=headers
    )
    assert response.status_code == status, response.text
    return response.json()["items"]


async def test_each_message_of_a_batch_has_its_own_result_in_order(
    service: RunningApp,
) -> None:
    endpoint = await service.endpoint()
    items = await submit(
        service,
        GOOD,
        {"event_type": 5, "payload": 1},
        {"event_type": "a", "payload": 1, "surplus": 1},
        "no message",
        {"event_type": "a", "payload": "x" * 300_000},
        {"event_type": "a", "payload": 1, "url": "http://169.254.169.254/"},
        GOOD,
    )
    statuses = [item["error"]["status"] if "error" in item else 202 for item in items]
    assert statuses == [202, 422, 422, 422, 413, 422, 202]
    assert [delivery["endpoint_id"] for delivery in items[0]["deliveries"]] == [endpoint]
    assert [item["error"]["problems"][0]["field"] for item in items[1:6]] == [
        "event_type",
        "surplus",
        "body",
        "payload",
        "url",
    ]
    assert items[0]["id"] < items[6]["id"]


async def test_a_batch_has_1_to_1000_messages(service: RunningApp) -> None:
    assert len(await submit(service, *[GOOD] * 1_000)) == 1_000
    for count in (0, 1_001):
        response = await service.api.post("/api/v1/messages/batch", json={"messages": [GOOD] * count})
        assert "1 to 1,000" in problems(response, 422)["messages"]


async def test_an_invalid_batch_writes_nothing(service: RunningApp) -> None:
    for body, status, field in (
        (b"", 400, "body"),
        (b'{"messages":[{"event_type":"a","payload":1}', 400, "body"),
        (b"[]", 422, "body"),
        (b'{"messages":{}}', 422, "messages"),
        (b'{"messages":[],"mode":"all"}', 422, "mode"),
    ):
        response = await service.api.post("/api/v1/messages/batch", content=body)
        assert field in problems(response, status)
    async with service.runtime.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(MESSAGES)) == 0


async def test_a_body_over_16_mib_is_refused(service: RunningApp) -> None:
    response = await service.api.post(
        "/api/v1/messages/batch", content=b'{"messages":["' + b"x" * 2**24 + b'"]}'
    )
    problems(response, 413)


async def test_a_batch_repeated_with_its_key_creates_nothing(service: RunningApp) -> None:
    headers = {"Idempotency-Key": "batch-7"}
    first = await submit(service, GOOD, {**GOOD, "payload": 2}, **headers)
    again = await submit(service, GOOD, {**GOOD, "payload": 2}, {**GOOD, "payload": 3}, **headers)
    assert [item["id"] for item in again[:2]] == [item["id"] for item in first]
    assert [item.get("replayed", False) for item in again] == [True, True, False]
    single = await service.api.post("/api/v1/messages", json=GOOD, headers=headers)
    assert "idempotent-replayed" not in single.headers


async def test_a_batch_of_which_nothing_is_stored_is_503(
    service: RunningApp,
) -> None:
    async def full(_messages: Any) -> list[Any]:
        return [StoreUnavailable("The database is unavailable: the disk is full", retry_after=7)] * 2

    service.runtime.intake.accept_many = full  # type: ignore[method-assign]
    response = await service.api.post("/api/v1/messages/batch", json={"messages": [GOOD, GOOD]})
    problems(response, 503)
    assert response.headers["retry-after"] == "7"


async def test_the_results_of_a_large_batch_are_in_order(service: RunningApp) -> None:
    large = {"event_type": "invoice.paid", "payload": "x" * 200_000}
    invalid = {"event_type": 5, "payload": 1}
    await service.endpoint()
    items = await submit(service, *[large, invalid] * 12, GOOD)
    assert ["error" in item for item in items] == [False, True] * 12 + [False]
    for item in items[::2]:
        message = await service.get(f"/messages/{item['id']}")
        assert (message["payload"] == "x" * 200_000) is (item is not items[-1])
