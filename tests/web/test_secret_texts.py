"""One rule for the text of a signing secret, in every place where it is entered."""

import base64
import html
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from standardwebhooks.webhooks import Webhook

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.store.schema import ENDPOINTS
from tests.web.running_app import RunningApp, problems

URL = "https://hooks.example/in"
PADDED = "whsec_" + base64.b64encode(b"\xfb" * 32).decode()
TEXTS = [
    (PADDED.rstrip("="), 'append "="'),
    (PADDED.replace("+", "-").replace("/", "_"), 'replace "-"'),
    ("whsec_c2hvcnQ=", "24 to 64"),
    ("hunter2", "must be whsec_"),
    (PADDED + "\n", "control character"),
    ("", "is empty"),
]

Entry = Callable[[RunningApp, str, str], Awaitable[str]]
"""Enters a secret for the endpoint with this id, and returns the problem of the field `secret`."""


async def by_creation(service: RunningApp, _id: str, secret: str) -> str:
    body = {"url": URL, "secret": secret}
    return problems(await service.api.post("/api/v1/endpoints", json=body), 422)["secret"]


async def by_update(service: RunningApp, endpoint: str, secret: str) -> str:
    response = await service.api.patch(f"/api/v1/endpoints/{endpoint}", json={"secret": secret})
    return problems(response, 422)["secret"]


async def by_rotation(service: RunningApp, endpoint: str, secret: str) -> str:
    path = f"/api/v1/endpoints/{endpoint}/rotate-secret"
    return problems(await service.api.post(path, json={"secret": secret}), 422)["secret"]


async def by_library(service: RunningApp, _id: str, secret: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        await service.runtime.endpoints.create({"url": URL, "secret": secret}, actor="person:ada")
    return refused.value.problems[0].message


async def by_adhoc_endpoint(service: RunningApp, _id: str, secret: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        await service.runtime.adhoc_endpoints.find_or_create(URL, secret=secret)
    return refused.value.problems[0].message


@pytest.mark.parametrize(("secret", "reason"), TEXTS)
async def test_a_secret_is_refused_with_the_same_reason_everywhere_and_changes_nothing(
    service: RunningApp, secret: str, reason: str
) -> None:
    endpoint = await service.endpoint()
    before = await service.rows(ENDPOINTS)
    entries: list[Entry] = [by_creation, by_update, by_rotation, by_library, by_adhoc_endpoint]
    messages = {entry.__name__: await entry(service, endpoint, secret) for entry in entries}
    assert len(set(messages.values())) == 1, messages
    assert reason in messages["by_creation"]
    assert await service.rows(ENDPOINTS) == before


@pytest.mark.parametrize(("secret", "reason"), TEXTS[:4])
async def test_the_form_says_it_too(service: RunningApp, secret: str, reason: str) -> None:
    endpoint = await service.endpoint()
    form: dict[str, Any] = {"url": URL, "signature": "standard", "secret": secret}
    for path in ("/endpoints", f"/endpoints/{endpoint}/edit"):
        response = await service.api.post(path, data=form)
        assert response.status_code == 422
        assert reason in html.unescape(response.text.split('id="secret-about"')[1].split("</div>")[0])
        assert not secret or secret not in html.unescape(response.text)


async def test_a_text_with_padding_is_accepted_as_it_is(service: RunningApp) -> None:
    created = await service.post("/endpoints", {"url": URL, "secret": PADDED}, 201)
    assert created["secret"] == PADDED
    rotated = await service.post(f"/endpoints/{created['id']}/rotate-secret", {"secret": PADDED})
    assert rotated["secret"] == PADDED


async def test_a_rotation_replaces_a_secret_that_is_damaged(service: RunningApp) -> None:
    endpoint = await service.endpoint()

    async def damage(connection: AsyncConnection) -> None:
        await connection.execute(update(ENDPOINTS).values(secret=b"damaged"))

    await service.runtime.database.writer.run(damage)
    rotated = await service.api.post(f"/api/v1/endpoints/{endpoint}/rotate-secret", json={"secret": PADDED})
    assert rotated.status_code == 200, rotated.text
    service.clock.wall_offset = time.time() - service.clock.now()
    await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    await service.sent(1)
    request = service.sender.requests[0]
    Webhook(PADDED).verify(request.body, dict(request.headers))
