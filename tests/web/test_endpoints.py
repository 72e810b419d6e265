"""Endpoints in the API: created, validated, updated, rotated, tested, deleted."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook

from breakwater import VerificationFailed, verify
from breakwater.core.domain.states import DeliveryState, EndpointState
from breakwater.core.store.schema import ENDPOINTS
from tests.web.running_app import RunningApp, problems

NEW: dict[str, Any] = {"url": "https://hooks.example/in?tenant=7", "name": "Billing"}
UNKNOWN = f"ep_{'0' * 26}"


async def create(service: RunningApp, **fields: Any) -> Any:
    return await service.post("/endpoints", {**NEW, **fields}, 201)


async def test_an_endpoint_is_created_with_every_default(service: RunningApp) -> None:
    created = await create(service)
    assert created["state"] == "enabled"
    assert created["retry"]["delays"][:3] == [1.0, 2.0, 4.0]
    assert created["circuit"]["failure_threshold"] == 5
    assert created["signature"] == "standard"
    assert created["secret"].startswith("whsec_")
    assert created["public_key"] is None
    view = await service.get(f"/endpoints/{created['id']}")
    assert view == {name: value for name, value in created.items() if name not in {"secret", "public_key"}}


async def test_every_field_of_an_endpoint_can_be_set(service: RunningApp) -> None:
    fields = {
        "description": "Two lines\nof it",
        "event_types": ["invoice.paid", "invoice.void"],
        "timeout_seconds": 2.5,
        "retry": {"delays": [1, 5], "jitter": 0.2},
        "circuit": {"failure_threshold": 3, "failure_rate_threshold": None},
        "max_in_flight": 4,
        "rate_limit_per_second": 0.5,
        "headers": {"X-Tenant": "7", "Authorization": "Bearer abc"},
        "public_headers": ["X-Tenant"],
        "signature": "github",
        "secret": "It's a Secret to Everybody",
    }
    created = await create(service, **fields)
    assert created["retry"] == {"delays": [1.0, 5.0], "jitter": 0.2}
    assert (created["circuit"]["failure_threshold"], created["circuit"]["failure_rate_threshold"]) == (
        3,
        None,
    )
    assert created["circuit"]["success_threshold"] == 2
    assert created["headers"] == {"X-Tenant": "7", "Authorization": "•••"}
    same = {
        "description",
        "event_types",
        "timeout_seconds",
        "max_in_flight",
        "rate_limit_per_second",
        "signature",
    }
    assert {name: created[name] for name in same} == {name: fields[name] for name in same}
    assert created["secret"] == fields["secret"]


BAD_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"url": None}, "url", "is missing"),
    ({"url": 5}, "url", "must be text"),
    ({"url": "http://127.0.0.1:9000/"}, "url", "127.0.0.1"),
    ({"url": "https://user:pw@hooks.example/"}, "url", "credentials"),
    ({"url": "https://hooks.example/\u0000"}, "url", "control"),
    ({"name": 7}, "name", "text"),
    ({"name": "x" * 121}, "name", "120"),
    ({"name": "a\nb"}, "name", "control"),
    ({"description": "x" * 2001}, "description", "2,000"),
    ({"description": "a\u0000b"}, "description", "control"),
    ({"event_types": "a"}, "event_types", "list"),
    ({"event_types": ["ok", "not ok"]}, "event_types.1", "not a valid event type"),
    ({"event_types": [5]}, "event_types.0", "not a valid event type"),
    ({"timeout_seconds": 0}, "timeout_seconds", "from 0.1 to 300"),
    ({"timeout_seconds": True}, "timeout_seconds", "number"),
    ({"timeout_seconds": "10"}, "timeout_seconds", "number"),
    ({"timeout_seconds": 10**400}, "timeout_seconds", "number"),
    ({"retry": []}, "retry", "object"),
    ({"retry": {"delays": []}}, "retry.delays", "at least one"),
    ({"retry": {"delays": [1, -1]}}, "retry.delays.1", "must be"),
    ({"retry": {"delays": [1] * 51}}, "retry.delays", "50"),
    ({"retry": {"delays": ["1"]}}, "retry.delays.0", "number"),
    ({"retry": {"delays": [1, 8 * 86_400]}}, "retry.delays.1", "must be"),
    ({"retry": {"jitter": 0.6}}, "retry.jitter", "0.5"),
    ({"retry": {"times": 3}}, "retry.times", "unknown"),
    ({"circuit": {"failure_threshold": 0}}, "circuit.failure_threshold", "from 1"),
    ({"circuit": {"success_threshold": 0}}, "circuit.success_threshold", "from 1"),
    ({"circuit": {"half_open_max_calls": 0}}, "circuit.half_open_max_calls", "from 1"),
    ({"circuit": {"timeout_seconds": 7200}}, "circuit.max_timeout_seconds", "timeout_seconds"),
    ({"circuit": {"colour": "red"}}, "circuit.colour", "unknown"),
    ({"max_in_flight": 0}, "max_in_flight", "from 1"),
    ({"max_in_flight": 1.5}, "max_in_flight", "whole number"),
    ({"rate_limit_per_second": 0}, "rate_limit_per_second", "from 0.01"),
    ({"headers": ["a"]}, "headers", "object"),
    ({"headers": {"Host": "evil.example"}}, "headers.Host", "choose another name"),
    ({"headers": {"webhook-id": "x"}}, "headers.webhook-id", "choose another name"),
    ({"headers": {"X-A": "a\r\nX-B: b"}}, "headers.X-A", "line breaks"),
    ({"headers": {"X-A": 5}}, "headers.X-A", "text"),
    ({"signature": "md5"}, "signature", "one of standard"),
    ({"secret": "hunter2"}, "secret", "whsec_"),
    ({"secret": "whsec_c2hvcnQ="}, "secret", "24 to 64"),
    ({"signature": "ed25519", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "secret", "whsk_"),
    ({"state": "paused"}, "state", "pause and resume"),
    ({"colour": "red"}, "colour", "not a field"),
]
"""What is given instead of a good field, the field that is named, and what is said of it."""


async def test_invalid_fields_are_refused_with_the_remedy_and_nothing_is_created(service: RunningApp) -> None:
    for fields, field, says in BAD_FIELDS:
        messages = problems(await service.api.post("/api/v1/endpoints", json={**NEW, **fields}), 422)
        assert field in messages, (fields, messages)
        assert says in messages[field], (fields, messages)
    assert (await service.get("/endpoints"))["items"] == []


async def test_an_update_refuses_the_same_invalid_fields_and_changes_nothing(service: RunningApp) -> None:
    created = await create(service)
    before = await service.get(f"/endpoints/{created['id']}")
    for fields, field, _says in BAD_FIELDS:
        response = await service.api.patch(
            f"/api/v1/endpoints/{created['id']}", json={"max_in_flight": 9, **fields}
        )
        assert response.status_code == 422, fields
        assert field in problems(response, 422), fields
    assert await service.get(f"/endpoints/{created['id']}") == before


async def test_every_problem_of_an_endpoint_is_reported_together(service: RunningApp) -> None:
    fields = {
        "url": "http://10.0.0.1/",
        "retry": {"delays": [0]},
        "headers": {"Host": "x"},
        "max_in_flight": 0,
        "x": 1,
    }
    response = await service.api.post("/api/v1/endpoints", json=fields)
    assert set(problems(response, 422)) == {"url", "retry.delays.0", "headers.Host", "max_in_flight", "x"}


async def test_a_body_that_is_not_an_object_is_refused(service: RunningApp) -> None:
    for body, status in ((b"", 400), (b"{", 400), (b"[]", 422), (b"null", 422), (b'{"url":1}x', 400)):
        problems(await service.api.post("/api/v1/endpoints", content=body), status)


async def test_an_update_changes_only_its_fields_and_null_restores_a_default(
    service: RunningApp,
) -> None:
    own = {"retry": {"delays": [9], "jitter": 0.3}, "circuit": {"failure_threshold": 9}}
    created = await create(service, **own, rate_limit_per_second=2)
    path = f"/api/v1/endpoints/{created['id']}"
    changed = (
        await service.api.patch(path, json={"retry": {"jitter": 0.4}, "circuit": {"success_threshold": 7}})
    ).json()
    assert changed["retry"] == {"delays": [9.0], "jitter": 0.4}
    assert (changed["circuit"]["failure_threshold"], changed["circuit"]["success_threshold"]) == (9, 7)
    assert changed["rate_limit_per_second"] == 2
    reset = (
        await service.api.patch(path, json={"retry": None, "circuit": None, "rate_limit_per_second": None})
    ).json()
    assert reset["retry"]["delays"][:2] == [1.0, 2.0]
    assert reset["circuit"]["failure_threshold"] == 5
    assert reset["rate_limit_per_second"] is None


async def test_a_masked_header_that_is_sent_back_keeps_its_value(service: RunningApp) -> None:
    created = await create(service, headers={"Authorization": "Bearer abc", "X-A": "1"})
    masked_headers = created["headers"]
    await service.api.patch(
        f"/api/v1/endpoints/{created['id']}", json={"headers": {**masked_headers, "X-A": "2"}}
    )
    await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    await service.sent(1)
    sent = dict(service.sender.requests[0].headers)
    assert (sent["Authorization"], sent["X-A"]) == ("Bearer abc", "2")


async def test_a_new_endpoint_receives_the_next_message(service: RunningApp) -> None:
    created = await create(service)
    accepted = await service.post(
        "/messages", {"event_type": "a", "payload": 1, "endpoint_ids": [created["id"]]}, 202
    )
    assert accepted["deliveries"][0]["endpoint_id"] == created["id"]


async def test_two_concurrent_updates_are_both_saved(service: RunningApp) -> None:
    created = await create(service)
    path = f"/api/v1/endpoints/{created['id']}"
    await asyncio.gather(
        service.api.patch(path, json={"circuit": {"failure_threshold": 7}}),
        service.api.patch(path, json={"circuit": {"success_threshold": 8}}),
    )
    circuit = (await service.get(f"/endpoints/{created['id']}"))["circuit"]
    assert (circuit["failure_threshold"], circuit["success_threshold"]) == (7, 8)


async def test_after_a_rotation_both_secrets_verify_for_a_day_then_only_the_new_one(
    service: RunningApp,
) -> None:
    created = await create(service)
    fresh = (await service.post(f"/endpoints/{created['id']}/rotate-secret"))["secret"]
    assert fresh != created["secret"]
    for hours, verifies in ((0, 2), (23.9, 2), (0.2, 1)):
        service.later(hours * 3600)
        service.clock.wall_offset = -service.clock.now() + __import__("time").time()
        sent_before = len(service.sender.requests)
        await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
        await service.sent(sent_before + 1)
        request = service.sender.requests[-1]
        assert sum(_verifies(secret, request) for secret in (created["secret"], fresh)) == verifies


@pytest.mark.parametrize("scheme", ["github", "legacy"])
async def test_a_signature_with_room_for_one_secret_promises_no_overlap(
    service: RunningApp, scheme: str
) -> None:
    created = await create(service, signature=scheme)
    fresh = (await service.post(f"/endpoints/{created['id']}/rotate-secret"))["secret"]
    assert (await service.get(f"/endpoints/{created['id']}"))["secret_rotated_until"] is None
    await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    await service.sent(1)
    request = service.sender.requests[-1]
    now = service.clock.now()
    verify(request.body, request.headers, fresh, scheme=scheme, now=now)
    with pytest.raises(VerificationFailed):
        verify(request.body, request.headers, created["secret"], scheme=scheme, now=now)
    entry = (await service.get("/audit"))["items"][0]
    assert entry["outcome"].endswith("the previous one no longer signs")


def _verifies(secret: str, request: Any) -> bool:
    try:
        Webhook(secret).verify(request.body, dict(request.headers))
    except Exception:  # noqa: BLE001 - whatever it is, it does not verify
        return False
    return True


async def test_an_ed25519_endpoint_shows_the_key_that_its_receiver_verifies_with(service: RunningApp) -> None:
    created = await create(service, signature="ed25519")
    assert created["secret"].startswith("whsk_")
    assert created["public_key"].startswith("whpk_")


async def test_another_signature_scheme_requires_another_kind_of_secret(service: RunningApp) -> None:
    created = await create(service)
    path = f"/api/v1/endpoints/{created['id']}"
    assert (
        "is needed" in problems(await service.api.patch(path, json={"signature": "ed25519"}), 422)["secret"]
    )
    key = (await create(service, signature="ed25519"))["secret"]
    changed = await service.api.patch(path, json={"signature": "ed25519", "secret": key})
    assert changed.json()["signature"] == "ed25519"
    assert (await service.api.patch(path, json={"signature": "legacy"})).status_code == 200
    assert (
        "is needed" in problems(await service.api.patch(path, json={"signature": "standard"}), 422)["secret"]
    )


async def test_secrets_are_sealed_in_the_database(service: RunningApp) -> None:
    created = await create(service)
    async with service.runtime.database.read() as connection:
        rows = repr((await connection.execute(select(ENDPOINTS))).all())
    assert created["secret"] not in rows
    assert created["secret"].removeprefix("whsec_") not in rows


async def test_a_test_message_goes_only_to_its_endpoint(service: RunningApp) -> None:
    created, _other = await create(service, event_types=["x"]), await create(service)
    accepted = await service.post(f"/endpoints/{created['id']}/test", status=202)
    assert [delivery["endpoint_id"] for delivery in accepted["deliveries"]] == [created["id"]]
    message = await service.get(f"/messages/{accepted['id']}")
    assert (message["event_type"], message["payload"]["test"]) == ("breakwater.test", True)


async def test_a_paused_endpoint_holds_its_deliveries_and_sends_them_when_resumed(
    service: RunningApp,
) -> None:
    created = await create(service)
    assert (await service.post(f"/endpoints/{created['id']}/pause", {"reason": "maintenance"}))["sentence"]
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = await service.get(f"/deliveries/{accepted['deliveries'][0]['id']}")
    assert (delivery["status"], delivery["final_status"]) == ("pending", "held")
    assert (await service.get(f"/endpoints/{created['id']}"))["state"] == EndpointState.PAUSED
    await service.post(f"/endpoints/{created['id']}/resume")
    await service.reaches(delivery["id"], DeliveryState.DELIVERED)


async def test_deleting_an_endpoint_cancels_its_pending_deliveries(service: RunningApp) -> None:
    created = await create(service)
    await service.post(f"/endpoints/{created['id']}/pause")
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    response = await service.api.delete(f"/api/v1/endpoints/{created['id']}")
    assert response.json()["affected"] == 1
    problems(await service.api.get(f"/api/v1/endpoints/{created['id']}"), 404)
    problems(await service.api.delete(f"/api/v1/endpoints/{created['id']}"), 404)
    delivery = await service.get(f"/deliveries/{accepted['deliveries'][0]['id']}")
    assert delivery["status"] == "cancelled"
    assert "deleted" in delivery["why"]


async def test_a_deleted_adhoc_endpoint_is_created_again(service: RunningApp) -> None:
    message = {"event_type": "a", "payload": 1, "url": "https://hooks.example/x"}
    first = (await service.post("/messages", message, 202))["deliveries"][0]["endpoint_id"]
    await service.api.delete(f"/api/v1/endpoints/{first}")
    second = (await service.post("/messages", message, 202))["deliveries"][0]["endpoint_id"]
    assert first != second


async def test_fifty_concurrent_messages_to_a_new_url_create_one_endpoint(service: RunningApp) -> None:
    message = {"event_type": "a", "payload": 1, "url": "https://hooks.example/x"}
    responses = await asyncio.gather(*(service.post("/messages", message, 202) for _ in range(50)))
    assert len({response["deliveries"][0]["endpoint_id"] for response in responses}) == 1
    assert len((await service.get("/endpoints"))["items"]) == 1


async def test_endpoints_are_listed_by_pages_newest_first(service: RunningApp) -> None:
    created = [(await create(service, name=f"e{place}"))["id"] for place in range(5)]
    first = await service.get("/endpoints", limit=3)
    second = await service.get("/endpoints", limit=3, cursor=first["next_cursor"])
    assert [item["id"] for item in (*first["items"], *second["items"])] == created[::-1]
    assert second["next_cursor"] is None


async def test_the_api_finds_endpoints_by_name_url_or_id_like_the_page(service: RunningApp) -> None:
    billing = (await create(service, name="Billing", url="https://hooks.example/in"))["id"]
    orders = (await create(service, name="Orders 100%", url="https://orders.example/billing"))["id"]
    other = (await create(service, name="Stock", url="https://stock.example/in"))["id"]

    async def find_ids(q: str) -> list[str]:
        page = (await service.api.get("/endpoints", params={"q": q})).text
        listed = [item["id"] for item in (await service.get("/endpoints", q=q))["items"]]
        assert all((f'<tr id="{id_}"' in page) is (id_ in listed) for id_ in (billing, orders, other)), q
        return listed

    assert await find_ids("BILLING") == [orders, billing]
    assert await find_ids("stock.example") == [other]
    assert await find_ids(other) == [other]
    assert await find_ids("100%") == [orders]
    assert await find_ids("_") == []
    assert await find_ids("") == [other, orders, billing]


async def test_a_search_of_endpoints_continues_after_its_first_page(service: RunningApp) -> None:
    created = [(await create(service, name=f"wanted {place}"))["id"] for place in range(3)]
    await create(service, name="another")
    first = await service.get("/endpoints", q="wanted", limit=2)
    second = await service.get("/endpoints", q="wanted", limit=2, cursor=first["next_cursor"])
    assert [item["id"] for item in (*first["items"], *second["items"])] == created[::-1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("\0", "control character at position 1. Remove it."),
        ("x" * 201, "too long. Use at most 200 characters."),
        ("a\tb", "control character at position 2. Remove it."),
    ],
)
async def test_a_search_for_an_impossible_text_is_refused(
    service: RunningApp, text: str, remedy: str
) -> None:
    response = await service.api.get("/api/v1/endpoints", params={"q": text})
    assert remedy in problems(response, 400)["q"]


async def test_every_action_on_an_unknown_endpoint_is_not_found(service: RunningApp) -> None:
    for path in (UNKNOWN, "nonsense", "ep_%00", "ep_' OR 1=1 --", "..%2f..", "ep_" + "0" * 5_000):
        responses = [
            await service.api.get(f"/api/v1/endpoints/{path}"),
            await service.api.patch(f"/api/v1/endpoints/{path}", json={"name": "x"}),
            await service.api.delete(f"/api/v1/endpoints/{path}"),
            *[
                await service.api.post(f"/api/v1/endpoints/{path}/{action}")
                for action in ("rotate-secret", "test", "pause", "resume")
            ],
        ]
        for response in responses:
            problems(response, 404)


async def test_every_change_leaves_an_audit_entry_that_names_no_secret(service: RunningApp) -> None:
    created = await create(service)
    path = f"/api/v1/endpoints/{created['id']}"
    await service.api.patch(path, json={"name": "Other"})
    fresh = (await service.post(f"/endpoints/{created['id']}/rotate-secret"))["secret"]
    await service.api.delete(path)
    entries = (await service.get("/audit", subject=created["id"]))["items"]
    assert [entry["action"] for entry in entries] == [
        "endpoint.delete",
        "endpoint.rotate_secret",
        "endpoint.update",
        "endpoint.create",
    ]
    assert {entry["actor"] for entry in entries} == {"key:bootstrap"}
    assert created["secret"] not in str(entries)
    assert fresh not in str(entries)
