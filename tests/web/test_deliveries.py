"""Deliveries and circuits in the API: listed, shown, resent, cancelled, reset."""

from typing import Any

import pytest

from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.states import DeliveryState, FailureClass
from tests.web.running_app import RunningApp, problems

MESSAGE: dict[str, Any] = {"event_type": "invoice.paid", "payload": {"n": 1}}
SPEC_DELIVERY = {"message_id", "webhook_url", "payload", "attempts", "final_status", "created_at"}
SPEC_ATTEMPT = {"attempt_number", "timestamp", "status_code", "error", "response_time_ms", "success"}


async def send(service: RunningApp, **fields: Any) -> str:
    """Send a message to one endpoint and return the id of its delivery."""
    accepted = await service.post("/messages", {**MESSAGE, **fields}, 202)
    delivery: str = accepted["deliveries"][0]["id"]
    return delivery


async def fail(service: RunningApp, host: str = "billing.example") -> str:
    """Return the id of a delivery that failed for good."""
    service.sender.script(host, Response(400, (("Content-Type", "text/plain"),), b"no \xff such tenant"))
    delivery = await send(service)
    await service.reaches(delivery, DeliveryState.FAILED)
    return delivery


async def test_a_delivery_has_the_fields_of_the_specification_and_further_ones(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    delivery = await service.get(f"/deliveries/{await fail(service)}")
    assert delivery.keys() >= SPEC_DELIVERY
    assert delivery["endpoint_id"] == endpoint
    assert delivery["webhook_url"] == "https://billing.example/hook"
    assert (delivery["status"], delivery["final_status"]) == ("failed", "failed")
    assert delivery["failure_class"] == "client_error"
    assert delivery["payload"] == {"n": 1}
    assert delivery["why"]
    assert delivery["created_at"] == "2027-01-15T08:00:00.000Z"
    (attempt,) = delivery["attempts"]
    assert attempt.keys() >= SPEC_ATTEMPT
    assert (attempt["attempt_number"], attempt["status_code"], attempt["success"]) == (1, 400, False)
    assert (attempt["trigger"], attempt["response_body"]) == ("schedule", "no \ufffd such tenant")
    assert ["Content-Type", "text/plain"] in attempt["response_headers"]
    assert any(name.lower() == "webhook-id" for name, _ in attempt["request_headers"])


async def test_the_status_distinguishes_pending_retrying_and_held(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    service.sender.hold()
    in_flight = await send(service)
    assert (await service.get(f"/deliveries/{in_flight}"))["final_status"] == "pending"
    service.sender.script("billing.example", TransportFailure(FailureClass.CONNECT, "connection refused"))
    service.sender.release()
    await service.attempted(in_flight, 1)
    assert (await service.get(f"/deliveries/{in_flight}"))["final_status"] == "retrying"
    await service.post(f"/circuits/{endpoint}/hold", {"reason": "receiver is being rebuilt"})
    assert (await service.get(f"/deliveries/{in_flight}"))["final_status"] == "held"


async def test_deliveries_are_listed_newest_first_by_pages(service: RunningApp) -> None:
    await service.endpoint()
    created = [await send(service) for _ in range(5)]
    first = await service.get("/deliveries", limit=2)
    second = await service.get("/deliveries", limit=2, cursor=first["next_cursor"])
    third = await service.get("/deliveries", limit=2, cursor=second["next_cursor"])
    listed = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert listed == created[::-1]
    assert third["next_cursor"] is None
    assert first["items"][0].keys() >= SPEC_DELIVERY


async def test_deliveries_are_filtered(service: RunningApp) -> None:
    first_id, second_id = (
        await service.endpoint("one.example", event_types=["a"]),
        await service.endpoint("two.example", event_types=["b"]),
    )
    first, second = await send(service, event_type="a"), await send(service, event_type="b")
    for query, expected_ids in (
        ({"endpoint": first_id}, first),
        ({"endpoint": second_id}, second),
        ({"event_type": "b"}, second),
        ({"q": first}, first),
    ):
        assert [item["id"] for item in (await service.get("/deliveries", **query))["items"]] == [
            expected_ids
        ], query


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("status=lost", "status"),
        ("endpoint=nonsense", "endpoint"),
        ("class=weird", "class"),
        ("since=yesterday", "since"),
        ("since=2026-13-45", "since"),
        ("since=1h&until=2h", "until"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=-1", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=nonsense", "cursor"),
        ("stauts=failed", "stauts"),
    ],
)
async def test_an_invalid_filter_is_refused_with_the_name_of_its_parameter(
    service: RunningApp, query: str, parameter: str
) -> None:
    messages = problems(await service.api.get(f"/api/v1/deliveries?{query}"), 400)
    assert parameter in messages, messages


async def test_an_expired_cursor_is_refused(service: RunningApp) -> None:
    await service.endpoint()
    for _ in range(2):
        await send(service)
    cursor = (await service.get("/deliveries", limit=1))["next_cursor"]
    service.later(24 * 3600 + 1)
    response = await service.api.get("/api/v1/deliveries", params={"cursor": cursor})
    assert "expired" in problems(response, 400)["cursor"]
    other_list = await service.api.get("/api/v1/endpoints", params={"cursor": cursor})
    assert "cursor" in problems(other_list, 400)


async def test_a_failed_delivery_is_resent_and_arrives(service: RunningApp) -> None:
    await service.endpoint()
    delivery = await fail(service)
    response = await service.post(f"/deliveries/{delivery}/resend", {"reason": "tenant made"})
    assert "2" in response["sentence"]
    await service.reaches(delivery, DeliveryState.DELIVERED)
    view = await service.get(f"/deliveries/{delivery}")
    assert [(attempt["attempt_number"], attempt["trigger"]) for attempt in view["attempts"]] == [
        (1, "schedule"),
        (2, "manual"),
    ]
    assert len({dict(request.headers)["webhook-id"] for request in service.sender.requests}) == 1
    (entry,) = (await service.get("/audit", subject=delivery))["items"]
    assert (entry["action"], entry["actor"], entry["reason"]) == (
        "delivery.resend",
        "key:bootstrap",
        "tenant made",
    )


async def test_several_deliveries_are_resent_and_others_are_skipped_and_counted(
    service: RunningApp,
) -> None:
    await service.endpoint()
    ids = [await fail(service) for _ in range(3)]
    body = {"ids": [*ids[:2], ids[0], f"dlv_{'0' * 26}"], "reason": "tenant made"}
    response = await service.post("/deliveries/resend", body)
    assert response["affected"] == 2
    assert response["sentence"] == "2 of 3 deliveries resent. The rest were skipped."
    for delivery in ids[:2]:
        await service.reaches(delivery, DeliveryState.DELIVERED)
    assert await service.state(ids[2]) is DeliveryState.FAILED
    entry, *_ = (await service.get("/audit"))["items"]
    assert (entry["action"], entry["affected"], entry["reason"]) == (
        "delivery.resend_many",
        2,
        "tenant made",
    )
    problems(await service.api.post("/api/v1/deliveries/resend", json={"ids": body["ids"][3:]}), 409)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ids"),
        ({"ids": []}, "ids"),
        ({"ids": [f"dlv_{number}" for number in range(201)]}, "ids"),
        ({"ids": "dlv_1"}, "ids"),
        ({"ids": ["msg_1"]}, "ids"),
        ({"ids": ["dlv_1\u0000"]}, "ids"),
        ({"ids": ["dlv_1"], "reason": "a\u0007b"}, "reason"),
        ({"ids": ["dlv_1"], "now": True}, "now"),
    ],
)
async def test_a_bulk_resend_with_invalid_ids_is_refused(
    service: RunningApp, body: dict[str, Any], field: str
) -> None:
    refused = problems(await service.api.post("/api/v1/deliveries/resend", json=body), 422)
    assert {name.partition(".")[0] for name in refused} == {field}


async def test_a_waiting_delivery_is_cancelled_once(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    await service.post(f"/endpoints/{endpoint}/pause")
    delivery = await send(service)
    await service.post(f"/deliveries/{delivery}/cancel", {"reason": "sent by mistake"})
    assert (await service.get(f"/deliveries/{delivery}"))["final_status"] == "cancelled"
    problems(await service.api.post(f"/api/v1/deliveries/{delivery}/cancel"), 409)


async def test_operations_refuse_invalid_bodies(service: RunningApp) -> None:
    await service.endpoint()
    delivery = await fail(service)
    for action, body, status, field in (
        ("resend", b"{", 400, "body"),
        ("resend", b"[]", 422, "body"),
        ("resend", b'{"now":"yes"}', 422, "now"),
        ("resend", b'{"because":"x"}', 422, "because"),
        ("cancel", b'{"reason":5}', 422, "reason"),
        ("cancel", b'{"reason":"' + b"x" * 501 + b'"}', 422, "reason"),
        ("cancel", b'{"reason":"a\\u0000b"}', 422, "reason"),
    ):
        response = await service.api.post(f"/api/v1/deliveries/{delivery}/{action}", content=body)
        assert field in problems(response, status), body
    assert (await service.get(f"/deliveries/{delivery}"))["status"] == "failed"


async def test_unknown_ids_are_not_found(service: RunningApp) -> None:
    for path in (
        f"deliveries/dlv_{'0' * 26}",
        "deliveries/x",
        f"messages/msg_{'0' * 26}",
        "messages/%00",
        f"circuits/ep_{'0' * 26}",
    ):
        problems(await service.api.get(f"/api/v1/{path}"), 404)
    delivery, endpoint = f"dlv_{'0' * 26}", f"ep_{'0' * 26}"
    for path in (
        f"deliveries/{delivery}/resend",
        f"deliveries/{delivery}/cancel",
        f"circuits/{endpoint}/reset",
    ):
        problems(await service.api.post(f"/api/v1/{path}"), 404)


async def test_resetting_an_open_circuit_sends_its_held_deliveries(service: RunningApp) -> None:
    endpoint = await service.endpoint(circuit={"failure_threshold": 1})
    service.sender.script("billing.example", Response(500))
    first = await send(service)
    await service.attempted(first, 1)
    held = await send(service)
    (circuit,) = (await service.get("/circuits"))["items"]
    assert (circuit["endpoint_id"], circuit["state"], circuit["held"]) == (endpoint, "open", 2)
    assert circuit["thresholds"]["failure_threshold"] == 1
    assert circuit["opened_at"] < circuit["retry_at"]
    response = await service.post(f"/circuits/{endpoint}/reset", {"reason": "receiver mended"})
    assert "2" in response["sentence"]
    await service.reaches(held, DeliveryState.DELIVERED)
    view = await service.get(f"/circuits/{endpoint}")
    assert (view["state"], view["held"]) == ("closed", 0)
    newest, oldest = view["transitions"]
    assert (oldest["from_state"], oldest["to_state"]) == ("closed", "open")
    assert (newest["to_state"], newest["actor"]) == ("closed", "key:bootstrap")


async def test_a_circuit_is_held_open_and_released(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    until = "2027-01-15T09:00:00.000Z"
    await service.post(f"/circuits/{endpoint}/hold", {"reason": "rebuild", "until": until})
    circuit = await service.get(f"/circuits/{endpoint}")
    assert circuit["hold"] == {"reason": "rebuild", "by": "key:bootstrap", "until": until}
    await service.post(f"/circuits/{endpoint}/release")
    assert (await service.get(f"/circuits/{endpoint}"))["hold"] is None
    problems(await service.api.post(f"/api/v1/circuits/{endpoint}/release"), 409)


async def test_a_hold_requires_a_reason_and_an_end_in_the_future(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    for body, field in (
        ({}, "reason"),
        ({"reason": " "}, "reason"),
        ({"reason": "x", "until": "2020-01-01T00:00Z"}, "until"),
        ({"reason": "x", "until": "1h"}, "until"),
        ({"reason": "x", "until": "soon"}, "until"),
        ({"reason": "x", "until": 5}, "until"),
    ):
        assert field in problems(
            await service.api.post(f"/api/v1/circuits/{endpoint}/hold", json=body), 422
        ), body
    assert (await service.get(f"/circuits/{endpoint}"))["hold"] is None


async def test_a_probe_of_a_closed_circuit_is_a_conflict(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    problems(await service.api.post(f"/api/v1/circuits/{endpoint}/probe"), 409)
