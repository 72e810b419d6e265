"""Values of an endpoint's custom headers are secret unless they are marked public."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from breakwater.core.domain.outcome import Outcome
from breakwater.core.domain.states import DeliveryState
from breakwater.core.logs import line_processors
from breakwater.core.ports import OutboundRequest
from breakwater.core.store.schema import ATTEMPTS, ENDPOINTS
from breakwater.core.text.credentials import MASK
from tests.web.running_app import ORIGIN, RunningApp, problems
from tests.web.test_preserved_forms import hidden_in, sign_in, signed_out

NAMES = ["Ocp-Apim-Subscription-Key", "X-Auth-Key", "X-Functions-Key", "DD-APPLICATION-KEY", "X-Anything"]
VALUE = "hunter2-of-the-receiver"
URL = "https://hooks.example/in"


async def create(service: RunningApp, **fields: Any) -> Any:
    return await service.post("/endpoints", {"url": URL, "name": "Billing", **fields}, 201)


async def change(service: RunningApp, endpoint: Any, **fields: Any) -> Any:
    response = await service.api.patch(f"/api/v1/endpoints/{endpoint['id']}", json=fields)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(service: RunningApp, endpoint: Any, **fields: Any) -> dict[str, str]:
    response = await service.api.patch(f"/api/v1/endpoints/{endpoint['id']}", json=fields)
    return problems(response, 422)


async def sent_headers(service: RunningApp) -> dict[str, str]:
    """Send a message and return the headers of its request."""
    count = len(service.sender.requests)
    await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    await service.sent(count + 1)
    return dict(service.sender.requests[-1].headers)


@pytest.fixture
def log_entries() -> Iterator[list[Any]]:
    with capture_logs() as entries:
        yield entries


def log_lines(entries: list[Any]) -> str:
    """Return log entries as an operator reads them."""
    lines = []
    for entry in entries:
        line: Any = dict(entry)
        for processor in line_processors("json"):
            line = processor(None, "info", line)
        lines.append(str(line))
    return "\n".join(lines)


@pytest.mark.parametrize("name", NAMES)
async def test_a_secret_header_value_is_sent_but_neither_stored_in_clear_nor_shown(
    service: RunningApp, log_entries: list[Any], name: str
) -> None:
    endpoint = await create(service, headers={name: VALUE})
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = accepted["deliveries"][0]["id"]
    await service.reaches(delivery, DeliveryState.DELIVERED)
    assert dict(service.sender.requests[0].headers)[name] == VALUE
    assert endpoint["headers"] == {name: MASK}

    viewer = await service.browser("viewer")
    admin = await service.browser("admin")
    pages = [
        f"/deliveries/{delivery}",
        f"/endpoints/{endpoint['id']}",
        "/endpoints",
        "/deliveries",
        "/audit",
        "/audit.csv",
        f"/api/v1/deliveries/{delivery}",
        f"/api/v1/endpoints/{endpoint['id']}",
        "/api/v1/endpoints",
        "/api/v1/audit",
    ]
    responses = [await viewer.get(path) for path in pages]
    assert {response.status_code for response in responses} == {200}
    texts = [response.text for response in responses]
    texts.append((await admin.get(f"/endpoints/{endpoint['id']}/edit")).text)
    assert [path for path, text in zip([*pages, "edit"], texts, strict=True) if VALUE in text] == []
    curl = html.unescape(texts[0])
    assert f"-H '{name}: <{name.lower()}>'" in curl
    assert VALUE not in log_lines(log_entries)
    assert VALUE not in repr(await service.rows(ENDPOINTS)) + repr(await service.rows(ATTEMPTS))
    assert VALUE.encode() not in b"".join(
        row["secret_headers"] or b"" for row in await service.rows(ENDPOINTS)
    )


async def test_the_value_of_a_public_header_is_shown(service: RunningApp) -> None:
    headers = {"X-Env": "live", "X-Auth-Key": VALUE, "Content-Type": "application/cloudevents+json"}
    endpoint = await create(service, headers=headers, public_headers=["x-env"])
    assert endpoint["headers"] == headers | {"X-Auth-Key": MASK}
    assert endpoint["public_headers"] == ["X-Env", "Content-Type"]
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = accepted["deliveries"][0]["id"]
    await service.reaches(delivery, DeliveryState.DELIVERED)
    (attempt,) = (await service.get(f"/deliveries/{delivery}"))["attempts"]
    stored = dict(attempt["request_headers"])
    assert stored["X-Env"] == "live"
    assert stored["X-Auth-Key"] == MASK
    assert stored["content-type"] == "application/cloudevents+json"
    assert stored["webhook-id"].startswith("msg_")


async def test_a_masked_value_is_preserved_and_a_new_value_replaces_it(service: RunningApp) -> None:
    endpoint = await create(service, headers={"X-Auth-Key": VALUE, "X-Two": "2"})
    await change(service, endpoint, name="Other")
    assert (await sent_headers(service))["X-Auth-Key"] == VALUE
    await change(service, endpoint, headers={"x-auth-key": MASK, "X-Two": "3"})
    sent = await sent_headers(service)
    assert (sent["x-auth-key"], sent["X-Two"]) == (VALUE, "3")
    await change(service, endpoint, headers={"X-Auth-Key": "another"})
    sent = await sent_headers(service)
    assert sent["X-Auth-Key"] == "another"
    assert "X-Two" not in sent


async def test_a_header_is_removed_by_leaving_it_out(service: RunningApp) -> None:
    endpoint = await create(service, headers={"X-Auth-Key": VALUE})
    changed = await change(service, endpoint, headers={})
    assert (changed["headers"], changed["public_headers"]) == ({}, [])
    (row,) = await service.rows(ENDPOINTS)
    assert row["secret_headers"] is None
    assert "X-Auth-Key" not in await sent_headers(service)


async def test_a_mask_without_a_stored_value_is_refused(service: RunningApp) -> None:
    body = {"url": URL, "headers": {"X-Auth-Key": MASK}}
    messages = problems(await service.api.post("/api/v1/endpoints", json=body), 422)
    assert "no stored value" in messages["headers.X-Auth-Key"]
    endpoint = await create(service, headers={"X-Auth-Key": VALUE})
    assert "headers.X-Other" in await refused(service, endpoint, headers={"X-Other": MASK})


async def test_a_stored_secret_value_cannot_be_made_readable(service: RunningApp) -> None:
    endpoint = await create(service, headers={"X-Auth-Key": VALUE})
    for fields in ({}, {"headers": {"X-Auth-Key": MASK}}, {"headers": {"x-auth-key": MASK}}):
        messages = await refused(service, endpoint, public_headers=["X-Auth-Key"], **fields)
        assert "enter the value again" in messages["public_headers.X-Auth-Key"]
    changed = await change(service, endpoint, headers={"X-Auth-Key": "new"}, public_headers=["X-Auth-Key"])
    assert changed["headers"] == {"X-Auth-Key": "new"}


async def test_a_public_value_becomes_secret_and_its_past_attempts_are_masked(service: RunningApp) -> None:
    endpoint = await create(service, headers={"X-Tenant": VALUE}, public_headers=["X-Tenant"])
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = accepted["deliveries"][0]["id"]
    await service.reaches(delivery, DeliveryState.DELIVERED)
    assert VALUE in (await service.api.get(f"/api/v1/deliveries/{delivery}")).text
    changed = await change(service, endpoint, public_headers=None)
    assert changed["headers"] == {"X-Tenant": MASK}
    assert VALUE not in (await service.api.get(f"/api/v1/deliveries/{delivery}")).text
    assert VALUE not in (await service.api.get(f"/deliveries/{delivery}")).text
    assert VALUE not in repr(await service.rows(ENDPOINTS))
    assert (await sent_headers(service))["X-Tenant"] == VALUE


async def test_attempts_that_an_older_version_stored_are_masked(service: RunningApp) -> None:
    await create(service)
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = accepted["deliveries"][0]["id"]
    await service.reaches(delivery, DeliveryState.DELIVERED)

    async def write(connection: AsyncConnection) -> None:
        headers = [["content-type", "text/plain"], *([name, VALUE] for name in NAMES)]
        await connection.execute(update(ATTEMPTS).values(request_headers=headers))

    await service.runtime.database.writer.run(write)
    (attempt,) = (await service.get(f"/deliveries/{delivery}"))["attempts"]
    assert attempt["request_headers"] == [["content-type", "text/plain"], *([name, MASK] for name in NAMES)]
    assert VALUE not in (await service.api.get(f"/deliveries/{delivery}")).text


async def test_an_internal_error_shows_no_value_in_its_text_and_its_log_line(
    service: RunningApp, log_entries: list[Any]
) -> None:
    def leak(request: OutboundRequest) -> Outcome:
        raise ValueError(f"illegal header value {dict(request.headers)['X-Auth-Key']!r}")

    service.sender.default = leak
    await create(service, headers={"X-Auth-Key": VALUE})
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    await service.attempted(accepted["deliveries"][0]["id"], 1)
    delivery = await service.get(f"/deliveries/{accepted['deliveries'][0]['id']}")
    assert delivery["error"] == f"internal error: ValueError: illegal header value '{MASK}'"
    assert "attempt.internal_error" in log_lines(log_entries)
    assert "Traceback" in log_lines(log_entries)
    assert VALUE not in log_lines(log_entries)


@pytest.mark.parametrize(
    ("public", "reason"),
    [
        (["X-Other"], "not one of the custom headers"),
        (["Authorization"], "always secret"),
    ],
)
async def test_a_name_that_cannot_be_public_is_refused(
    service: RunningApp, public: list[str], reason: str
) -> None:
    body = {"url": URL, "headers": {"Authorization": VALUE}, "public_headers": public}
    messages = problems(await service.api.post("/api/v1/endpoints", json=body), 422)
    assert reason in messages[f"public_headers.{public[0]}"]


@pytest.mark.parametrize("public", ["X-Env", {"X-Env": True}, [5], 5])
async def test_public_headers_must_be_names(service: RunningApp, public: object) -> None:
    body = {"url": URL, "headers": {"X-Env": "live"}, "public_headers": public}
    messages = problems(await service.api.post("/api/v1/endpoints", json=body), 422)
    assert messages == {"public_headers": "must be a list of header names"}


async def test_the_form_preserves_replaces_and_publishes_header_values(service: RunningApp) -> None:
    endpoint = await create(service, headers={"X-Auth-Key": VALUE, "X-Env": "live"}, public_headers=["X-Env"])
    path = f"/endpoints/{endpoint['id']}/edit"
    page = html.unescape((await service.api.get(path)).text)
    assert f"X-Auth-Key: {MASK}\nX-Env: live</textarea>" in page
    assert "X-Env</textarea>" in page
    form = {"headers": f"X-Auth-Key: {MASK}\nX-Env: test\nX-Two: 2", "public_headers": "X-Env\nX-Two"}
    assert (await service.api.post(path, data=form)).status_code == 303
    view = await service.get(f"/endpoints/{endpoint['id']}")
    assert view["headers"] == {"X-Auth-Key": MASK, "X-Env": "test", "X-Two": "2"}
    assert (await sent_headers(service))["X-Auth-Key"] == VALUE
    response = await service.api.post(path, data={"public_headers": "X-Auth-Key"})
    assert response.status_code == 422
    assert "enter the value again" in response.text


async def test_the_values_of_a_form_are_not_preserved_through_a_sign_in(service: RunningApp) -> None:
    browser, token = await signed_out(service)
    typed = {"url": URL, "name": "Billing", "headers": f"X-Auth-Key: {VALUE}", "public_headers": ""}
    refusal = await browser.post(
        "/endpoints", data={"_csrf": token, **typed}, headers={"Referer": f"{ORIGIN}/endpoints/new"}
    )
    next_page = await sign_in(browser, refusal)
    for page in (refusal, next_page):
        assert VALUE not in html.unescape(page.text)
        assert "secret, not kept" in page.text
    assert re.search(r'<textarea id="missing-headers" name="headers"[^>]*required>', next_page.text)
    await browser.post("/endpoints", data=hidden_in(next_page) | {"headers": typed["headers"]})
    assert (await sent_headers(service))["X-Auth-Key"] == VALUE


async def test_a_form_without_new_secret_values_is_preserved_as_a_whole(service: RunningApp) -> None:
    endpoint = await create(service, headers={"X-Auth-Key": VALUE, "X-Env": "live"}, public_headers=["X-Env"])
    browser, token = await signed_out(service)
    page = f"{ORIGIN}/endpoints/{endpoint['id']}/edit"
    typed = {"headers": f"X-Auth-Key: {MASK}\nX-Env: test", "public_headers": "X-Env", "name": "Other"}
    refusal = await browser.post(page, data={"_csrf": token, **typed}, headers={"Referer": page})
    next_page = await sign_in(browser, refusal)
    assert hidden_in(next_page)["headers"] == typed["headers"]


async def test_no_value_is_part_of_a_printed_object(service: RunningApp) -> None:
    endpoint = await create(service, headers={"X-Auth-Key": VALUE})
    await sent_headers(service)
    printed = repr(service.runtime.endpoint_cache.get(endpoint["id"])) + repr(service.sender.requests)
    assert VALUE not in printed
    assert endpoint["secret"] not in printed
