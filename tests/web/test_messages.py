"""`POST /messages`: what it accepts, refuses and stores."""

import asyncio
from typing import Any

from sqlalchemy import func, select

from breakwater.core.store.schema import DELIVERIES, MESSAGES
from tests.web.running_app import RunningApp, problems

MESSAGE: dict[str, Any] = {"event_type": "invoice.paid", "payload": {"n": 1}}


async def stored(service: RunningApp) -> tuple[int, int]:
    """Return how many messages and deliveries there are."""
    async with service.runtime.database.read() as connection:
        messages = await connection.scalar(select(func.count()).select_from(MESSAGES))
        deliveries = await connection.scalar(select(func.count()).select_from(DELIVERIES))
    return messages or 0, deliveries or 0


async def test_a_message_gets_its_ids_once_it_is_committed(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    response = await service.api.post("/api/v1/messages", json=MESSAGE)
    assert response.status_code == 202
    body = response.json()
    assert body["deliveries"] == [{"id": body["deliveries"][0]["id"], "endpoint_id": endpoint}]
    assert await stored(service) == (1, 1)


PAYLOADS = [
    b"{}",
    b'""',
    b"null",
    b"0",
    b"[]",
    b'{"b":1, "a" : [1,2 ],\n "c":1.50}',
    '{"name":"Zo\u00eb \U0001f6a2"}'.encode(),
    b'"\\u0000\\ud83d\\udea2"',
    b"123456789012345678901234567890.10",
]


async def test_the_payload_is_delivered_and_shown_byte_for_byte(service: RunningApp) -> None:
    await service.endpoint()
    for count, payload in enumerate(PAYLOADS, start=1):
        body = b'{"payload":   ' + payload + b' ,"event_type":"invoice.paid"}'
        response = await service.api.post("/api/v1/messages", content=body)
        assert response.status_code == 202, response.text
        await service.sent(count)
        assert service.sender.requests[-1].body == payload
        view = await service.api.get(f"/api/v1/messages/{response.json()['id']}")
        assert b'"payload":' + payload + b"," in view.content


async def test_a_message_without_subscribers_is_stored_with_a_note(service: RunningApp) -> None:
    accepted = await service.post("/messages", MESSAGE, 202)
    assert accepted["deliveries"] == []
    assert "No endpoint" in accepted["note"]
    assert (await service.get(f"/messages/{accepted['id']}"))["note"]


async def test_a_message_to_a_url_creates_its_endpoint_once(service: RunningApp) -> None:
    message = {**MESSAGE, "url": "https://hooks.example/x"}
    first = await service.post("/messages", message, 202)
    second = await service.post("/messages", message, 202)
    assert first["deliveries"][0]["endpoint_id"] == second["deliveries"][0]["endpoint_id"]
    (endpoint,) = (await service.get("/endpoints"))["items"]
    assert endpoint["adhoc"] is True
    unrelated = await service.post("/messages", MESSAGE, 202)
    assert unrelated["deliveries"] == []


async def test_named_endpoints_receive_a_message_regardless_of_their_event_types(service: RunningApp) -> None:
    named_id = await service.endpoint("one.example", event_types=["other"])
    await service.endpoint("two.example")
    accepted = await service.post("/messages", {**MESSAGE, "endpoint_ids": [named_id]}, 202)
    assert [delivery["endpoint_id"] for delivery in accepted["deliveries"]] == [named_id]


async def test_a_message_may_have_its_own_retry_schedule(service: RunningApp) -> None:
    await service.endpoint()
    accepted = await service.post("/messages", {**MESSAGE, "retry": {"delays": [7, 11]}}, 202)
    detail = await service.detail(accepted["deliveries"][0]["id"])
    assert detail.retry_delays == (7.0, 11.0)


BAD_MESSAGES: list[tuple[bytes, int, str, str]] = [
    (b"", 400, "body", "is empty"),
    (b"   ", 400, "body", "is empty"),
    (b"{", 400, "body", "ends too early"),
    (b'{"event_type":"a",\n  "payload":{"x":}}', 400, "body", "line 2, column 18"),
    (b'{"event_type":"a","payload":1}x', 400, "body", "trailing characters in line 1"),
    (b'{"event_type":"a\xff","payload":1}', 400, "body", "UTF-8"),
    (b'{"event_type":"a","payload":"\xff"}', 422, "payload", "UTF-8"),
    (
        b'{"event_type":"a","payload":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        400,
        "body",
        "nested too deeply",
    ),
    (b'{"event_type":"a","payload":NaN}', 400, "body", "line 1"),
    (
        rb'{"event_type":"a","payload":{"t":"\ud83d"}}',
        400,
        "body",
        r"\ud83d in line 1, column 35 is a lone surrogate",
    ),
    (rb'{"event_type":"a","payload":{"t":"\ud83d\u0041"}}', 400, "body", "is a lone surrogate"),
    (rb'{"event_type":"a","payload":{"t":"\ude00","u":1}}', 400, "body", r"\ude00 in line 1"),
    (b"[]", 422, "body", "expected an object, got a list"),
    (b'{"payload":1}', 422, "event_type", "is missing"),
    (b'{"event_type":"a"}', 422, "payload", "is missing"),
    (b'{"event_type":1,"payload":1}', 422, "event_type", "expected text, got a whole number"),
    (b'{"event_type":"a","payload":1,"paylod":2}', 422, "paylod", "is not a known field"),
    (b'{"event_type":"a","payload":1,"endpoint_ids":["ep_1",2]}', 422, "endpoint_ids.1", "expected text"),
    (b'{"event_type":"a","payload":1,"endpoint_ids":[]}', 422, "endpoint_ids", "leave it out"),
    (
        b'{"event_type":"a","payload":1,"endpoint_ids":["ep_1"],"url":"https://a.example/"}',
        422,
        "url",
        "only one of them",
    ),
    (
        b'{"event_type":"a","payload":1,"endpoint_ids":["ep_nope"]}',
        422,
        "endpoint_ids.0",
        "no endpoint ep_nope",
    ),
    (b'{"event_type":"","payload":1}', 422, "event_type", "is not a valid event type"),
    (b'{"event_type":"a b","payload":1}', 422, "event_type", "is not a valid event type"),
    (b'{"event_type":"<script>","payload":1}', 422, "event_type", "is not a valid event type"),
    (b'{"event_type":"a\\u0000","payload":1}', 422, "event_type", "is not a valid event type"),
    (b'{"event_type":"a\\n","payload":1}', 422, "event_type", "is not a valid event type"),
    (b'{"event_type":"' + b"a" * 129 + b'","payload":1}', 422, "event_type", "1 to 128"),
    (b'{"event_type":"a","payload":1,"url":"http://10.0.0.1/"}', 422, "url", "10.0.0.1"),
    (b'{"event_type":"a","payload":1,"url":"ftp://a.example/"}', 422, "url", "http"),
    (b'{"event_type":"a","payload":1,"url":""}', 422, "url", "http"),
    (b'{"event_type":"a","payload":1,"retry":{"delays":[]}}', 422, "retry.delays", "at least one"),
    (b'{"event_type":"a","payload":1,"retry":{"delays":[-1]}}', 422, "retry.delays.0", "must be"),
    (b'{"event_type":"a","payload":1,"retry":{"delays":[1e999]}}', 422, "retry.delays.0", "out of range"),
    (b'{"event_type":"a","payload":1,"retry":{"times":3}}', 422, "retry.times", "is not a known field"),
]
"""Body, status, the field that is named, and what is said of it."""


async def test_invalid_messages_are_refused_with_field_and_remedy_and_nothing_is_stored(
    service: RunningApp,
) -> None:
    await service.endpoint()
    for body, status, field, says in BAD_MESSAGES:
        messages = problems(await service.api.post("/api/v1/messages", content=body), status)
        assert says in messages[field], body
    assert await stored(service) == (0, 0)


async def test_every_problem_of_a_message_is_reported_together(service: RunningApp) -> None:
    response = await service.api.post(
        "/api/v1/messages",
        json={"event_type": "?", "payload": 1, "endpoint_ids": [], "retry": {"delays": []}},
    )
    assert set(problems(response, 422)) == {"event_type", "endpoint_ids", "retry.delays"}


async def test_a_payload_over_the_limit_is_refused_as_too_large(service: RunningApp) -> None:
    cap = service.runtime.settings.payload_cap
    fits = b'{"event_type":"a","payload":"' + b"x" * (cap - 2) + b'"}'
    assert (await service.api.post("/api/v1/messages", content=fits)).status_code == 202
    over = b'{"event_type":"a","payload":"' + b"x" * (cap - 1) + b'"}'
    assert (
        "262,145 bytes" in problems(await service.api.post("/api/v1/messages", content=over), 413)["payload"]
    )
    far_over = b'{"event_type":"a","payload":"' + b"x" * (4 * cap) + b'"}'
    problems(await service.api.post("/api/v1/messages", content=far_over), 413)
    assert await stored(service) == (1, 0)


async def test_a_repeated_key_and_message_return_the_first_response(service: RunningApp) -> None:
    await service.endpoint()
    key = {"Idempotency-Key": "order-17"}
    first = await service.api.post("/api/v1/messages", json=MESSAGE, headers=key)
    assert "idempotent-replayed" not in first.headers
    reordered = b'{"payload":{"n":1},   "event_type":"invoice.paid"}'
    again = await service.api.post("/api/v1/messages", content=reordered, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert await stored(service) == (1, 1)


async def test_the_same_key_with_another_message_is_refused(service: RunningApp) -> None:
    key = {"Idempotency-Key": "order-17"}
    await service.api.post("/api/v1/messages", json=MESSAGE, headers=key)
    for other in (
        {**MESSAGE, "payload": {"n": 2}},
        {**MESSAGE, "event_type": "b"},
        {**MESSAGE, "url": "https://a.example/"},
    ):
        problems(await service.api.post("/api/v1/messages", json=other, headers=key), 422)
    assert (await stored(service))[0] == 1


async def test_two_callers_may_use_the_same_idempotency_key(service: RunningApp) -> None:
    first_caller, second_caller = await service.key("send", name="one"), await service.key("send", name="one")
    key = {"Idempotency-Key": "1"}
    responses = [
        await caller.post("/api/v1/messages", json=MESSAGE, headers=key)
        for caller in (first_caller, second_caller)
    ]
    assert responses[0].json()["id"] != responses[1].json()["id"]


async def test_fifty_concurrent_requests_with_one_key_create_one_message(service: RunningApp) -> None:
    await service.endpoint()
    key = {"Idempotency-Key": "once"}
    responses = await asyncio.gather(
        *(service.api.post("/api/v1/messages", json=MESSAGE, headers=key) for _ in range(50))
    )
    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["id"] for response in responses}) == 1
    assert sum("idempotent-replayed" in response.headers for response in responses) == 49
    assert await stored(service) == (1, 1)
    await service.sent(1)
    await service.quiet()
    assert len(service.sender.requests) == 1


async def test_an_idempotency_key_is_visible_ascii(service: RunningApp) -> None:
    for key in (b"", b"a b", b"x" * 256, b"\xe4", b"\t"):
        response = await service.api.post(
            "/api/v1/messages", json=MESSAGE, headers=[(b"Idempotency-Key", key)]
        )
        assert "visible ASCII" in problems(response, 400)["Idempotency-Key"]
