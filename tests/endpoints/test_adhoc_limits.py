"""Messages to a URL create a limited number of endpoints, per sender and in total."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from breakwater.core.domain.errors import TooManyEndpoints
from breakwater.core.endpoints.adhoc_limits import AdhocLimits
from breakwater.core.runtime import Runtime
from breakwater.core.store.schema import ENDPOINTS
from breakwater.web.app import create_app
from tests.delivery.running_engine import settings_for
from tests.fakes import ManualClock, ScriptedSender
from tests.web.running_app import BOOTSTRAP_KEY, RunningApp, problems

PER_SENDER, TOTAL = 5, 8


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[RunningApp]:
    """The application with low limits."""
    settings = settings_for(
        tmp_path,
        drain_seconds=0,
        bootstrap_key=BOOTSTRAP_KEY,
        adhoc_endpoints_per_sender=PER_SENDER,
        max_adhoc_endpoints=TOTAL,
    )
    clock, sender = ManualClock(), ScriptedSender()
    async with (
        Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime,
        RunningApp(runtime, clock, sender, create_app(settings, runtime=runtime)) as service,
    ):
        yield service


def message(number: int, host: str = "r") -> dict[str, Any]:
    return {"event_type": "a", "payload": 1, "url": f"https://{host}{number}.example/hook"}


async def test_one_sender_creates_endpoints_up_to_its_limit(limited: RunningApp) -> None:
    program = await limited.key("send")
    responses = [await program.post("/api/v1/messages", json=message(number)) for number in range(20)]
    assert [response.status_code for response in responses] == [202] * PER_SENDER + [429] * 15
    problems(responses[PER_SENDER], 429)
    assert responses[PER_SENDER].json()["type"] == "urn:breakwater:problem:too-many-endpoints"
    assert "This sender has 5 endpoints for messages to a URL" in responses[PER_SENDER].json()["detail"]
    assert responses[PER_SENDER].headers["retry-after"] == "60"
    again = await program.post("/api/v1/messages", json=message(0))
    assert again.status_code == 202
    assert len(await limited.rows(ENDPOINTS)) == PER_SENDER


async def test_a_rotated_key_has_no_new_allowance(limited: RunningApp) -> None:
    created = await limited.post("/keys", {"name": "ci", "scopes": ["send"]}, 201)
    for number in range(PER_SENDER):
        await limited.client(key=created["key"]).post("/api/v1/messages", json=message(number))
    rotated = await limited.post(f"/keys/{created['id']}/rotate", status=201)
    refused = await limited.client(key=rotated["key"]).post("/api/v1/messages", json=message(9))
    assert refused.status_code == 429


async def test_all_senders_share_the_total(limited: RunningApp) -> None:
    for host in ("a", "b"):
        program = await limited.key("send", name=host)
        for number in range(PER_SENDER):
            last = await program.post("/api/v1/messages", json=message(number, host))
    assert last.status_code == 429
    assert "There are 8 endpoints for messages to a URL" in last.json()["detail"]
    assert len(await limited.rows(ENDPOINTS)) == TOTAL


async def test_each_message_of_a_batch_is_refused_by_itself(limited: RunningApp) -> None:
    program = await limited.key("send")
    batch = {"messages": [message(number) for number in range(PER_SENDER + 2)]}
    response = await program.post("/api/v1/messages/batch", json=batch)
    assert response.status_code == 202
    statuses = [(item.get("error") or {}).get("status") for item in response.json()["items"]]
    assert statuses.count(429) == 2
    assert len(await limited.rows(ENDPOINTS)) == PER_SENDER


async def test_a_deleted_endpoint_makes_room(limited: RunningApp) -> None:
    program = await limited.key("send")
    for number in range(PER_SENDER + 1):
        await program.post("/api/v1/messages", json=message(number))
    (first, *_others) = [row["id"] for row in await limited.rows(ENDPOINTS)]
    await limited.runtime.endpoints.delete(first, actor="person:ada")
    limited.later(10)
    assert (await program.post("/api/v1/messages", json=message(98))).status_code == 202
    assert (await program.post("/api/v1/messages", json=message(99))).status_code == 429


async def test_endpoints_that_people_create_do_not_count(limited: RunningApp) -> None:
    for number in range(TOTAL + 2):
        await limited.endpoint(f"own{number}.example")
    program = await limited.key("send")
    assert (await program.post("/api/v1/messages", json=message(1))).status_code == 202


async def test_a_library_caller_is_not_limited(limited: RunningApp) -> None:
    for number in range(TOTAL + 2):
        await limited.runtime.adhoc_endpoints.find_or_create(f"https://r{number}.example/hook")
    assert len(await limited.rows(ENDPOINTS)) == TOTAL + 2


@pytest.mark.parametrize(("of_sender", "of_all"), [(5, 5), (0, 8), (6, 9)])
def test_there_is_no_room_at_a_limit(of_sender: int, of_all: int) -> None:
    with pytest.raises(TooManyEndpoints):
        AdhocLimits(5, 8).check_room(of_sender, of_all)


def test_there_is_room_below_both_limits() -> None:
    AdhocLimits(5, 8).check_room(4, 7)
