"""Bulk resends in the API: dry run, start, progress, end; refused when invalid or not allowed."""

from typing import Any

import pytest

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.text.timestamps import iso
from tests.web.running_app import RunningApp, problems

FAILED = {"status": "failed"}


async def failed(service: RunningApp, count: int, event_type: str = "invoice.paid") -> list[str]:
    """Return the ids of `count` failed deliveries."""
    service.sender.default = Response(400)
    ids = [await service.send_one(event_type=event_type) for _ in range(count)]
    for delivery_id in ids:
        await service.reaches(delivery_id, DeliveryState.FAILED)
    service.sender.default = Response(200)
    service.sender.requests.clear()
    return ids


async def seconds(service: RunningApp, count: int) -> None:
    for _ in range(count):
        await service.clock.advance(1.0)
        await service.quiet()


async def start(service: RunningApp, status: int = 201, **fields: Any) -> dict[str, Any]:
    response: dict[str, Any] = await service.post("/replays", {"filter": FAILED, **fields}, status)
    return response


async def test_a_dry_run_returns_what_would_be_resent_and_resends_nothing(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    ids = await failed(service, 3)
    plan = await start(service, 200, dry_run=True)
    assert (plan["total"], plan["total_more"], plan["words"]) == (3, False, "failed deliveries")
    assert plan["filter"] == FAILED
    assert plan["states"] == {"failed": 3}
    assert plan["endpoints"] == [{"endpoint_id": endpoint, "endpoint_name": "billing.example", "count": 3}]
    assert [row["id"] for row in plan["sample"]] == ids
    assert (await service.get("/replays"))["items"] == []
    await seconds(service, 3)
    assert service.sender.requests == []


async def test_a_replay_covers_its_dry_run_and_has_a_result_per_delivery(
    service: RunningApp,
) -> None:
    await service.endpoint()
    ids = await failed(service, 3)
    plan = await start(service, 200, dry_run=True)
    service.later(1.0)
    later_id = await failed(service, 1)
    replay = await start(
        service, up_to=plan["up_to"], frozen_at=plan["frozen_at"], pace=2, reason="receiver fixed"
    )
    assert (replay["state"], replay["total"], replay["share_done"]) == ("running", 3, 0.0)
    assert (replay["pace"], replay["reason"], replay["created_by"]) == (
        2.0,
        "receiver fixed",
        "key:bootstrap",
    )
    await seconds(service, 5)
    for delivery_id in ids:
        await service.reaches(delivery_id, DeliveryState.DELIVERED)
    assert await service.state(later_id[0]) is DeliveryState.FAILED
    ended = await service.get(f"/replays/{replay['id']}")
    assert (ended["state"], ended["resent"], ended["outcomes"]) == ("finished", 3, {"delivered": 3})
    assert (ended["share_done"], ended["skipped"]) == (1.0, 0)
    assert ended["outcomes_at"] == iso(service.clock.now()), "so few are counted for every request"
    assert [row["id"] for row in (await service.get("/replays"))["items"]] == [replay["id"]]
    first = await service.get(f"/replays/{replay['id']}/results", limit=2)
    second_page = await service.get(f"/replays/{replay['id']}/results", limit=2, cursor=first["next_cursor"])
    assert [row["id"] for row in (*first["items"], *second_page["items"])] == ids
    assert {row["status"] for row in first["items"]} == {"delivered"}
    assert second_page["next_cursor"] is None


async def test_a_replay_is_paused_resumed_and_cancelled(service: RunningApp) -> None:
    await service.endpoint()
    await failed(service, 5)
    replay = await start(service, pace=1)
    path = f"/replays/{replay['id']}"
    await seconds(service, 2)
    assert (await service.post(f"{path}/pause"))["sentence"].startswith("Paused")
    assert (await service.get(path))["state"] == "paused"
    await service.post(f"{path}/pause", status=409)
    await service.post(f"{path}/resume")
    await service.post(f"{path}/cancel")
    assert (await service.get(path))["state"] == "cancelled"
    await service.post(f"{path}/resume", status=409)
    await service.post(f"{path}/cancel", status=409)


async def test_a_second_replay_of_the_same_filter_is_a_conflict(service: RunningApp) -> None:
    await service.endpoint()
    await failed(service, 3)
    first = await start(service, pace=0.001)
    refused = await service.api.post("/api/v1/replays", json={"filter": FAILED})
    problems(refused, 409)
    assert first["id"] in refused.json()["detail"]
    await start(service, filter={"status": "failed", "event_type": "invoice.paid"})


async def test_a_replay_of_nothing_is_a_conflict(service: RunningApp) -> None:
    problems(await service.api.post("/api/v1/replays", json={"filter": FAILED}), 409)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "filter"),
        ({"filter": []}, "filter"),
        ({"filter": {"state": "failed"}}, "filter.state"),
        ({"filter": {"status": "broken"}}, "filter.status"),
        ({"filter": {"since": "yesterday"}}, "filter.since"),
        ({"filter": {"class": "bad luck"}}, "filter.class"),
        ({"filter": {"endpoint": "billing"}}, "filter.endpoint"),
        ({"filter": FAILED, "pace": 0}, "pace"),
        ({"filter": FAILED, "pace": -1}, "pace"),
        ({"filter": FAILED, "pace": 1001}, "pace"),
        ({"filter": FAILED, "pace": "fast"}, "pace"),
        ({"filter": FAILED, "up_to": "msg_1"}, "up_to"),
        ({"filter": FAILED, "frozen_at": "soon"}, "frozen_at"),
        ({"filter": FAILED, "frozen_at": "24h"}, "frozen_at"),
        ({"filter": FAILED, "reason": "x" * 501}, "reason"),
        ({"filter": FAILED, "reason": "a\x00b"}, "reason"),
        ({"filter": FAILED, "dryrun": True}, "dryrun"),
    ],
)
async def test_invalid_fields_of_a_replay_are_refused_by_name_and_nothing_starts(
    service: RunningApp, body: dict[str, Any], field: str
) -> None:
    await service.endpoint()
    await failed(service, 1)
    assert field in problems(await service.api.post("/api/v1/replays", json=body), 422)
    assert (await service.get("/replays"))["items"] == []


async def test_an_unknown_replay_or_endpoint_is_not_found(service: RunningApp) -> None:
    missing = f"rpl_{'0' * 26}"
    for path in (f"/replays/{missing}", f"/replays/{missing}/results", "/replays/nothing"):
        problems(await service.api.get(f"/api/v1{path}"), 404)
    problems(await service.api.post(f"/api/v1/replays/{missing}/pause"), 404)
    body = {"filter": {"endpoint": f"ep_{'0' * 26}"}}
    problems(await service.api.post("/api/v1/replays", json=body), 404)


async def test_results_refuse_a_cursor_of_another_list(service: RunningApp) -> None:
    await service.endpoint()
    await failed(service, 1)
    path = f"/api/v1/replays/{(await start(service))['id']}/results"
    assert "cursor" in problems(await service.api.get(path, params={"cursor": "'; drop"}), 400)
    assert "limit" in problems(await service.api.get(path, params={"limit": "0"}), 400)


async def test_reading_a_replay_requires_read_and_controlling_it_requires_operate(
    service: RunningApp,
) -> None:
    await service.endpoint()
    await failed(service, 2)
    replay = await start(service, pace=0.001)
    reader, operator = await service.key("read"), await service.key("operate", name="night shift")
    path = f"/api/v1/replays/{replay['id']}"
    assert (await reader.get(path)).status_code == 200
    for client in (reader, await service.browser("viewer")):
        for address in (f"{path}/pause", f"{path}/cancel"):
            assert (await client.post(address)).status_code == 403
        dry_run = {"filter": FAILED, "dry_run": True}
        assert (await client.post("/api/v1/replays", json=dry_run)).status_code == 403
    assert (await operator.post(f"{path}/pause")).status_code == 200
    entry, *_ = (await service.get("/audit", subject=replay["id"]))["items"]
    assert (entry["actor"], entry["action"]) == ("key:night shift", "replay.pause")
