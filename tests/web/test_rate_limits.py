"""Requests of one caller are limited, on the fast route for messages and on all others."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from breakwater.core.runtime import Runtime
from breakwater.web.app import create_app
from tests.delivery.running_engine import settings_for
from tests.fakes import ManualClock, ScriptedSender
from tests.web.running_app import BOOTSTRAP_KEY, RunningApp, problems

MESSAGE = {"event_type": "invoice.paid", "payload": {"n": 1}}


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[RunningApp]:
    """The application with low limits: 20 messages and 30 other requests in ten seconds."""
    settings = settings_for(
        tmp_path,
        drain_seconds=0,
        bootstrap_key=BOOTSTRAP_KEY,
        messages_per_second=2,
        requests_per_second=3,
    )
    clock, sender = ManualClock(), ScriptedSender()
    async with (
        Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime,
        RunningApp(runtime, clock, sender, create_app(settings, runtime=runtime)) as service,
    ):
        yield service


@pytest.mark.parametrize("fast", [True, False], ids=["fast route", "framework"])
async def test_messages_of_one_key_are_limited_and_those_of_another_are_not(
    limited: RunningApp, fast: bool
) -> None:
    first, second = await limited.key("send", name="one"), await limited.key("send", name="two")

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"event_type": "invoice.paid", "payload": 1}'  # of unknown length: the framework serves it

    async def send(program: httpx.AsyncClient) -> httpx.Response:
        if fast:
            return await program.post("/api/v1/messages", json=MESSAGE)
        return await program.post("/api/v1/messages", content=chunks())

    responses = [await send(first) for _ in range(25)]
    assert [response.status_code for response in responses] == [202] * 20 + [429] * 5
    problems(responses[-1], 429)
    refused = responses[-1]
    assert refused.json()["type"] == "urn:breakwater:problem:rate-limited"
    assert "the limit is 2 per second and 20 in a burst" in refused.json()["detail"]
    assert refused.headers["retry-after"] == "1"
    assert (await send(second)).status_code == 202
    limited.later(0.5)
    assert (await send(first)).status_code == 202
    assert (await send(first)).status_code == 429


async def test_every_response_names_the_policy_and_what_is_left_of_the_second_half(
    limited: RunningApp,
) -> None:
    program = await limited.key("send", "read")
    accepted = await program.post("/api/v1/messages", json=MESSAGE)
    assert accepted.headers["ratelimit-policy"] == '"messages";q=20;w=10'
    assert "ratelimit" not in accepted.headers
    listed = await program.get("/api/v1/deliveries")
    assert listed.headers["ratelimit-policy"] == '"requests";q=30;w=10'
    for _ in range(9):
        half = await program.post("/api/v1/messages", json=MESSAGE)
    assert (half.status_code, half.headers["ratelimit"]) == (202, '"messages";r=10;t=5')
    invalid = await program.post("/api/v1/messages", content=b"{")
    assert (invalid.status_code, invalid.headers["ratelimit"]) == (400, '"messages";r=9;t=6')
    for _ in range(9):
        last = await program.post("/api/v1/messages", json=MESSAGE)
    assert (last.status_code, last.headers["ratelimit"]) == (202, '"messages";r=0;t=10')
    refused = await program.post("/api/v1/messages", json=MESSAGE)
    assert (refused.status_code, refused.headers["ratelimit"]) == (429, '"messages";r=0;t=10')
    for _ in range(14):
        missing = await program.get("/api/v1/deliveries/dlv_1")
    assert (missing.status_code, missing.headers["ratelimit"]) == (404, '"requests";r=15;t=5')


async def test_a_batch_counts_as_its_messages(limited: RunningApp) -> None:
    program = await limited.key("send")
    batch = {"messages": [MESSAGE] * 19}
    accepted = await program.post("/api/v1/messages/batch", json=batch)
    assert (accepted.status_code, accepted.headers["ratelimit"]) == (202, '"messages";r=1;t=10')
    assert (await program.post("/api/v1/messages/batch", json=batch)).status_code == 429
    limited.later(10)
    large = {"messages": [MESSAGE] * 100}
    assert (await program.post("/api/v1/messages/batch", json=large)).status_code == 202
    limited.later(40)
    assert (await program.post("/api/v1/messages", json=MESSAGE)).status_code == 429
    limited.later(1)
    assert (await program.post("/api/v1/messages", json=MESSAGE)).status_code == 202


async def test_requests_of_one_person_are_limited_on_pages_too(limited: RunningApp) -> None:
    browser = await limited.browser("viewer", "ada")
    responses = [await browser.get("/circuits") for _ in range(31)]
    assert [response.status_code for response in responses] == [200] * 30 + [429]
    assert "Too many requests: the limit is 3 per second" in responses[-1].text
    assert responses[-1].headers["retry-after"] == "1"
    assert (await browser.get("/api/v1/deliveries")).status_code == 429
    assert (await limited.anonymous.get("/health/live")).status_code == 200
    assert (await (await limited.browser("viewer", "bob")).get("/circuits")).status_code == 200


async def test_a_wrong_key_gets_no_allowance(limited: RunningApp) -> None:
    response = await limited.client(key="bw_" + "x" * 43).get("/api/v1/deliveries")
    assert response.status_code == 401
    assert "ratelimit" not in response.headers


async def test_zero_is_no_limit(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path,
        drain_seconds=0,
        bootstrap_key=BOOTSTRAP_KEY,
        messages_per_second=0,
        requests_per_second=0,
    )
    clock, sender = ManualClock(), ScriptedSender()
    async with (
        Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime,
        RunningApp(runtime, clock, sender, create_app(settings, runtime=runtime)) as service,
    ):
        for _ in range(50):
            response = await service.api.post("/api/v1/messages", json=MESSAGE)
            assert response.status_code == 202
            assert "ratelimit" not in response.headers


async def test_the_defaults_do_not_slow_a_busy_program(service: RunningApp) -> None:
    batch = {"messages": [MESSAGE] * 1_000}
    for _ in range(3):
        assert (await service.api.post("/api/v1/messages/batch", json=batch)).status_code == 202
    response = await service.api.post("/api/v1/messages", json=MESSAGE)
    assert response.headers["ratelimit-policy"] == '"messages";q=50000;w=10'
    assert "ratelimit" not in response.headers  # more than half is left


async def test_the_openapi_document_describes_the_limits(service: RunningApp) -> None:
    document = (await service.api.get("/schema")).json()
    assert "RateLimit-Policy" in document["info"]["description"]
    for item in document["paths"].values():
        for operation in item.values():
            assert "Retry-After" in operation["responses"]["429"]["description"]
