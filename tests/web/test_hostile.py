"""Hostile text in every field that others can write: stored unchanged, escaped on pages, never a 500."""

import json
from urllib.parse import quote

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.paging.filters import PARAMETERS
from tests.web.running_app import OURS, PASSWORD, RunningApp

MARK = "<script>alert(7)</script>"
CORPUS = [
    MARK,
    f'"><img src=x onerror=alert(1)>{MARK}',
    f"'{MARK}'",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "${7*7} #{7*7}",
    "\x1b[31mred\x1b[0m\x07",
    "a\x00b",
    "line\r\nX-Injected: yes",
    "\u202egnitirw\u2066 \u200b\ufeff",
    "\U0001f6a2\U0001f468\u200d\U0001f469",
    "'; DROP TABLE deliveries; --",
    "%s%n%d %00",
    "=cmd|'/c calc'!A1",
    "＝cmd|'/c calc'!A1",  # noqa: RUF001 -- a full-width operator
    "../../etc/passwd",
    "\\u0000",
    "x" * 100_000,
]
HARMLESS_SENTINEL = "&lt;script&gt;"


async def test_hostile_payloads_are_stored_byte_for_byte_and_escaped_on_pages(service: RunningApp) -> None:
    await service.endpoint()
    for text in CORPUS:
        accepted = await service.post("/messages", {"event_type": "a", "payload": {text: text}}, 202)
        assert (await service.get(f"/messages/{accepted['id']}"))["payload"] == {text: text}
        page = await service.api.get(f"/deliveries/{accepted['deliveries'][0]['id']}")
        assert page.status_code == 200
        assert MARK not in page.text


async def test_hostile_responses_are_escaped_on_pages(service: RunningApp) -> None:
    await service.endpoint()
    for text in CORPUS:
        response = Response(400, (("X-Answer", text), ("Location", f"javascript:{text}")), text.encode())
        service.sender.script("billing.example", response)
        accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
        delivery = accepted["deliveries"][0]["id"]
        await service.reaches(delivery, DeliveryState.FAILED)
        (attempt,) = (await service.get(f"/deliveries/{delivery}"))["attempts"]
        assert attempt["response_body"].startswith(text[:100])
        page = await service.api.get(f"/deliveries/{delivery}")
        assert page.status_code == 200
        assert MARK not in page.text
        assert 'href="javascript:' not in page.text


async def test_hostile_names_are_refused_or_escaped(service: RunningApp) -> None:
    for text in CORPUS:
        fields = {
            "url": "https://hooks.example/",
            "name": text,
            "description": text,
            "headers": {"X-A": text},
        }
        for field in ("name", "description", "headers"):
            shown = {"public_headers": ["X-A"]} if field == "headers" else {}
            response = await service.api.post(
                "/api/v1/endpoints", json={"url": fields["url"], field: fields[field], **shown}
            )
            assert response.status_code in {201, 422}, response.text
            if response.status_code == 201:
                stored = response.json()[field]
                assert stored in (fields[field], text.strip())
        assert (
            await service.api.post("/api/v1/keys", json={"name": text, "scopes": ["read"]})
        ).status_code in {
            201,
            422,
        }
    for path in ("/", "/endpoints", "/circuits", "/settings", "/audit"):
        page = await service.api.get(path)
        assert page.status_code == 200
        assert MARK not in page.text
    assert HARMLESS_SENTINEL in (await service.api.get("/endpoints")).text


async def test_hostile_reasons_are_refused_or_escaped(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    for text in CORPUS:
        response = await service.api.post(f"/api/v1/circuits/{endpoint}/hold", json={"reason": text})
        assert response.status_code in {200, 422}, response.text
    for path in ("/", "/circuits", f"/endpoints/{endpoint}", "/audit"):
        page = await service.api.get(path)
        assert page.status_code == 200
        assert MARK not in page.text


async def test_hostile_urls_and_filters_are_4xx(service: RunningApp) -> None:
    await service.endpoint()
    for text in CORPUS:
        short = quote(text[:2_000], safe="")
        for path in ("deliveries", "messages", "endpoints", "circuits"):
            for prefix in ("/api/v1", ""):
                response = await service.api.get(f"{prefix}/{path}/{short}")
                assert response.status_code in {404, 405}, (response.status_code, prefix, path, text[:40])
                assert (
                    MARK not in response.text
                    or response.headers["content-type"] == "application/problem+json"
                )
        for name in (*PARAMETERS, "cursor", "limit", text[:50]):
            for path in ("/api/v1/deliveries", "/deliveries", "/api/v1/audit", "/audit", "/api/v1/stats"):
                response = await service.api.get(f"{path}?{quote(name, safe='')}={short}")
                assert response.status_code < 500, (path, name, text[:40], response.text[-500:])
                assert MARK not in response.text or "html" not in response.headers["content-type"]


async def test_queries_that_are_not_text_are_4xx(service: RunningApp) -> None:
    for raw in ("%ff", "%c3%28", "%ed%a0%80", "%", "%zz", "a=b=c", "&&&", "=", "%00"):
        for path in ("/api/v1/deliveries", "/deliveries", "/api/v1/audit"):
            for query in (f"q={raw}", raw):
                assert (await service.api.get(f"{path}?{query}")).status_code < 500, (path, query)


async def test_hostile_events_and_keys_are_refused(service: RunningApp) -> None:
    for text in CORPUS:
        response = await service.api.post("/api/v1/messages", json={"event_type": text, "payload": 1})
        assert response.status_code == (202 if text == "x" else 422), text
        header = text.encode("utf-8", "replace")[:5_000]
        response = await service.api.post(
            "/api/v1/messages", json={"event_type": "a", "payload": 1}, headers=[(b"Idempotency-Key", header)]
        )
        assert response.status_code in {202, 400}, text


async def test_hostile_credentials_are_refused_without_an_error(service: RunningApp) -> None:
    browser = service.client(headers=OURS)
    for text in CORPUS:
        response = await browser.post("/sign-in", data={"name": text[:60_000], "password": text[:1_000]})
        assert response.status_code in {401, 422, 429}, (text[:40], response.text[-300:])
        assert MARK not in response.text
        header = b"Bearer bw_" + text.encode("utf-8", "replace")[:5_000]
        refused = await service.anonymous.get("/api/v1/deliveries", headers=[(b"Authorization", header)])
        assert refused.status_code == 401
        cookie = b"breakwater=" + text.encode("utf-8", "replace")[:3_000]
        signed_out = await service.anonymous.get("/api/v1/deliveries", headers=[(b"Cookie", cookie)])
        assert signed_out.status_code == 401
        service.later(300)


async def test_a_hostile_user_agent_is_stored_short_and_printable(service: RunningApp) -> None:
    await service.browser("viewer", "ada")
    browser = service.client(headers=OURS)
    response = await browser.post(
        "/sign-in",
        data={"name": "ada", "password": PASSWORD},
        headers=[(b"User-Agent", ("\x1b[31m\u202e" + MARK + "x" * 9_000).encode())],
    )
    assert response.status_code == 303
    assert MARK not in (await service.api.get("/settings")).text


async def test_json_responses_escape_values_that_json_cannot_represent(service: RunningApp) -> None:
    await service.endpoint()
    service.sender.script("billing.example", Response(400, (), bytes(range(256))))
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = accepted["deliveries"][0]["id"]
    await service.reaches(delivery, DeliveryState.FAILED)
    response = await service.api.get(f"/api/v1/deliveries/{delivery}")
    assert len(json.loads(response.content)["attempts"][0]["response_body"]) == 256
