"""No page, fragment or response blocks the event loop for long, with any stored content."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from breakwater.core.domain.outcome import Response, TransportFailure, cap_headers
from breakwater.core.domain.states import FailureClass
from breakwater.core.runtime import Runtime
from breakwater.core.store.schema import DELIVERIES
from breakwater.web.api.messages import BODY_MAX as MAX_BATCH
from breakwater.web.app import create_app
from breakwater.web.pages.templating import load_templates
from tests.delivery.running_engine import settings_for
from tests.fakes import ManualClock, ScriptedSender
from tests.web.hostile_content import bodies, many_headers, payloads
from tests.web.loop_stalls import MAX_STALL_MS, LoopSteps, measured_steps
from tests.web.running_app import BOOTSTRAP_KEY, RunningApp
from tests.web.test_every_route import ENDLESS, PREFIXES, form_token, routes

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FRAGMENT = {"HX-Request": "true"}


class Slow:
    """Requests whose processing stalled the event loop."""

    def __init__(self, service: RunningApp, steps: LoopSteps) -> None:
        self.service = service
        self.steps = steps
        self.stalls: dict[str, int] = {}

    async def request(
        self, name: str, method: str, path: str, *, client: httpx.AsyncClient | None = None, **options: Any
    ) -> int:
        client = client or self.service.api
        response, stall = await self._measured(client, method, path, options)
        if stall > MAX_STALL_MS:
            # A processor that two programs share works at half its speed. What the content costs, it costs again.
            _response, again = await self._measured(client, method, path, options)
            stall = min(stall, again)
        if stall > MAX_STALL_MS:
            self.stalls[f"{name}: {method} {path[:80]} {response.status_code}"] = round(stall)
        assert response.status_code < 500, (name, method, path[:80], response.text[:300])
        return response.status_code

    async def _measured(
        self, client: httpx.AsyncClient, method: str, path: str, options: Mapping[str, Any]
    ) -> tuple[httpx.Response, float]:
        await asyncio.sleep(0)  # ends the step of the previous request
        self.steps.take()
        response = await client.request(method, path, **options)
        await asyncio.sleep(0)
        return response, self.steps.take()

    def check(self) -> None:
        assert not self.stalls, "\n".join(f"{stall} ms: {name}" for name, stall in self.stalls.items())


@pytest.fixture
def caps(request: pytest.FixtureRequest) -> dict[str, int]:
    """The limits that the operator has set; none means the defaults."""
    caps: dict[str, int] = getattr(request, "param", {})
    return caps


HIGHEST = {"payload_cap": 16 * 1024 * 1024, "response_body_cap": 1024 * 1024}
at_all_limits = pytest.mark.parametrize("caps", [{}, HIGHEST], ids=["default", "highest"], indirect=True)


@pytest.fixture
async def slow(tmp_path: Path, caps: dict[str, int]) -> AsyncIterator[Slow]:
    """The application on a database file: its reads run in threads, as in the service."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'breakwater.db'}"
    settings = settings_for(tmp_path, database_url=url, drain_seconds=0, bootstrap_key=BOOTSTRAP_KEY, **caps)
    clock, sender = ManualClock(), ScriptedSender(Response(400))
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        app = create_app(settings, runtime=runtime)
        load_templates(app)
        async with RunningApp(runtime, clock, sender, app) as service:
            with measured_steps() as steps:
                yield Slow(service, steps)
        sender.release()


@at_all_limits
async def test_payloads_and_bodies_of_one_delivery(slow: Slow) -> None:
    service = slow.service
    settings = service.runtime.settings
    await service.endpoint()
    hostile = dict(bodies(settings.response_body_cap)) | {"": b""}
    for name, payload in payloads(settings.payload_cap):
        service.sender.script("billing.example", Response(400, (), hostile[name]))
        sent = await service.send(payload)
        await service.attempted(sent.deliveries[0][0], 1)
        for path in (f"/deliveries/{sent.deliveries[0][0]}", f"/messages/{sent.id}"):
            await slow.request(name, "GET", path)
            await slow.request(name, "GET", path, headers=FRAGMENT)
            await slow.request(name, "GET", f"/api/v1{path}")
        await slow.request(name, "GET", "/deliveries?q=ada")
    slow.check()


@at_all_limits
async def test_many_attempts_with_hostile_responses(slow: Slow) -> None:
    service = slow.service
    settings = service.runtime.settings
    await service.endpoint()
    headers = cap_headers(many_headers(settings.response_headers_cap), settings.response_headers_cap)
    hostile = list(bodies(settings.response_body_cap))
    delivery = ""
    for number in range(100):
        body = hostile[number % len(hostile)][1]
        service.sender.script("billing.example", Response(400, headers[number % 2 :], body))
        if delivery:
            await service.post(f"/deliveries/{delivery}/resend")
        else:
            delivery = await service.send_one()
        await service.attempted(delivery, number + 1)
    for path in (f"/deliveries/{delivery}", f"/api/v1/deliveries/{delivery}", "/deliveries", "/audit"):
        await slow.request("many attempts", "GET", path)
        await slow.request("many attempts", "GET", path, headers=FRAGMENT)
    slow.check()


async def test_every_page_and_response_with_the_most_that_callers_can_store(slow: Slow) -> None:
    ids = await stored_hostility(slow.service)
    walked = 0
    for method, path in routes(slow.service.app):
        if method == "GET" and path not in ENDLESS:
            for headers in ({}, FRAGMENT):
                await slow.request("stored", method, with_ids(path, ids), headers=headers)
                walked += 1
    assert walked > 60
    for path in ("/deliveries?limit=200", "/endpoints?limit=200", "/circuits?limit=200", "/audit?limit=200"):
        await slow.request("stored", "GET", f"/api/v1{path}")
    slow.check()


async def test_many_failures_with_different_errors(slow: Slow) -> None:
    service = slow.service
    await service.endpoint()
    template = await service.row(await service.send_one())
    rows = [
        {
            **template,
            "id": f"{template['id'][:-6]}{number:06}",
            "state": "failed",
            "failure_class": "connect",
            "error": f"{number:06} connection refused by {':f' * 30}{'a-' * 100}{number}",
            "finished_at": template["created_at"],
            "claim_token": None,
        }
        for number in range(10_000)
    ]
    await service.runtime.database.writer.run(lambda connection: connection.execute(insert(DELIVERIES), rows))
    for path in ("/deliveries/causes", "/deliveries", "/replays/new"):
        for query in ("class=connect", "status=failed", "status=failed&q=refused"):
            await slow.request("different errors", "GET", f"{path}?{query}")
    await slow.request("different errors", "GET", "/")
    slow.check()


async def test_every_query_string_and_head(slow: Slow) -> None:
    ids = await stored_hostility(slow.service, few=True)
    for method, path in routes(slow.service.app):
        if method == "GET" and path not in ENDLESS:
            for name, query in QUERIES.items():
                await slow.request(name, method, f"{with_ids(path, ids)}?{query}")
            for name, headers in HEADS.items():
                await slow.request(name, method, with_ids(path, ids), headers=headers)
    slow.check()


async def test_every_request_body(slow: Slow) -> None:
    ids = await stored_hostility(slow.service, few=True)
    limit = slow.service.runtime.settings.payload_cap + 60_000
    browser = await slow.service.browser("admin")
    token = (await form_token(browser)).encode()
    for method, path in routes(slow.service.app):
        if method in {"GET", "HEAD"} or path == "/sign-out":
            continue
        if path.startswith("/api/"):
            for name, body in request_bodies(limit):
                await slow.request(name, method, with_ids(path, ids), content=body)
        else:
            for name, body in forms((limit if path in LARGE_FORMS else 64 * 1024) - 100):
                form = {"content": b"_csrf=" + token + b"&" + body, "headers": FORM}
                await slow.request(name, method, with_ids(path, ids), client=browser, **form)
    assert (await browser.get("/")).status_code == 200  # the session has lasted to the end
    for name, body in request_bodies(MAX_BATCH):
        await slow.request(f"large {name}", "POST", "/api/v1/messages/batch", content=body)
    for name, payload in payloads(200_000):
        message = b'{"event_type":"a","payload":' + payload + b"}"
        batch = b'{"messages":[' + b",".join([message] * (MAX_BATCH // len(message) - 1)) + b"]}"
        await slow.request(f"a batch of {name}", "POST", "/api/v1/messages/batch", content=batch)
    slow.check()


LARGE_FORMS = {"/sign-in", "/endpoints"}
"""Forms that are also sent with the most bytes that any request may have; the others would be refused alike."""
QUERIES = {
    "many parameters": "&".join(f"{number:x}=" for number in range(11_000)),
    "one parameter many times": "&".join(["q=a"] * 15_000),
    "a long text": f"q={'%F3%A0%80%81' * 5_000}",
    "a long name": f"{'status' * 10_000}=a",
    "a long time": f"since={'2' * 60_000}",
    "many statuses": f"status={'a,' * 30_000}",
    "many line ends": f"q={'%0A' * 20_000}",
    "a long cursor": f"cursor={'AAAA' * 15_000}",
    "a long error": f"error={'%E2%80%A6' * 22}",
    "many wildcards in a search": f"q={'%25' * 200}",
}
HEADS = {
    "many cookies": {"Cookie": "; ".join(f"c{number:x}=1" for number in range(7_000))},
    "a long message": {"Cookie": f"flash={'e' * 60_000}; zone={'z' * 900}; theme=x"},
    "a long credential": {"Authorization": f"Bearer bw_{'x' * 60_000}"},
}


def request_bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Return JSON in the envelopes that the API reads, and what is not JSON."""
    yield from bodies(size)
    for name, payload in payloads(size - 200):
        yield f"{name} as payload", b'{"event_type":"a","payload":' + payload + b"}"
    text = b'"' + b"\\u0000" * ((size - 200) // 6) + b'"'
    for field in (b"event_type", b"url", b"reason", b"name", b"until", b"description", b"filter", b"secret"):
        yield f"a long {field.decode()}", b'{"' + field + b'":' + text + b"}"
    many = b"[" + b",".join([b'"dlv_0"'] * ((size - 200) // 8)) + b"]"
    for field in (b"ids", b"scopes", b"event_types", b"endpoint_ids", b"messages", b"retry"):
        yield f"many {field.decode()}", b'{"payload":1,"event_type":"a","' + field + b'":' + many + b"}"
    headers = b",".join(b'"x%x":"1"' % number for number in range(size // 16))
    yield "many headers", b'{"url":"https://a.example/","headers":{' + headers + b"}}"
    yield "many unknown fields", b"{" + b",".join(b'"x%x":1' % number for number in range(size // 12)) + b"}"
    surrogates = b"\\ud83d\\ude00" * ((size - 100) // 12)
    yield "a lone surrogate at the end", b'{"event_type":"a","payload":"' + surrogates + b'\\ud83d"}'
    yield "backslashes without an end", b'{"event_type":"' + b"\\" * (size - 100)
    yield "line ends before an error", b"\n" * (size - 1) + b"x"


def forms(size: int) -> Iterator[tuple[str, bytes]]:
    """Return forms of `size` bytes at most."""
    yield "many fields", b"&".join(b"%x=" % number for number in range(size // 8))
    yield "many ids", b"&".join([b"ids=dlv_0"] * (size // 10))
    yield "a long reason", b"reason=" + b"%0A" * (size // 3 - 10)
    yield "a long name", b"name=" + b"%F3%A0%80%81" * (size // 12 - 10)
    yield "a long url", b"url=https://" + b"a." * (size // 2 - 20)
    yield "a long list", b"url=https://a.example/&event_types=" + b"a%0A" * (size // 4 - 20)
    yield "long headers", b"url=https://a.example/&headers=" + b"a:b%0A" * (size // 6 - 20)
    yield "long delays", b"url=https://a.example/&retry.delays=" + b"1," * (size // 2 - 40)
    yield "a long password", b"name=a&password=" + b"%C3%9F" * (size // 6 - 10)
    yield "a preserved form", b"form=" + b"a%253D%26" * (size // 9 - 10)
    yield "a long filter", b"name=a&filter=" + b"a%3Db%26" * (size // 8 - 10)


def with_ids(path: str, ids: Mapping[str, str]) -> str:
    """Return a path with the ids of existing things, or of none."""
    for name, prefix in PREFIXES.items():
        path = path.replace(f"{{{name}}}", ids.get(name, f"{prefix}_{'0' * 26}"))
    return path.replace("{", "").replace("}", "")


async def stored_hostility(service: RunningApp, *, few: bool = False) -> dict[str, str]:
    """Store the most that each field takes, in many rows; return the ids of some."""
    unseen = "\u202e\u200b\U0001f6a2"
    endpoint = ""
    for number in range(5 if few else 60):
        endpoint = await service.endpoint(
            f"{'a' * 60}.{'b' * 60}.{number}.example",
            name=(unseen * 40)[:119] + "x",
            description=(unseen * 700)[:1_999] + "x",
            event_types=[f"{type_number:03}{'t' * 125}" for type_number in range(200)],
            headers={f"X-{header}": '"<&' * 1_365 for header in range(50)},
        )
        error = TransportFailure(FailureClass.BLOCKED, f"{number}{unseen * 200}")
        service.sender.script(f"{'a' * 60}.{'b' * 60}.{number}.example", error, error)
    delivery = message = ""
    for _ in range(2 if few else 4):
        sent = await service.send(event_type=f"001{'t' * 125}")
        message, delivery = sent.id, sent.deliveries[-1][0]
        for delivery_id, _endpoint in sent.deliveries:
            await service.attempted(delivery_id, 1)
    for number in range(2 if few else 40):
        for action in ("hold", "release"):
            await service.post(f"/circuits/{endpoint}/{action}", {"reason": f"{number}{unseen * 160}"})
    plan = {"filter": {"status": "failed"}, "pace": 0.001, "reason": unseen * 160}
    replay = await service.post("/replays", plan, 201)
    return {
        "endpoint_id": endpoint,
        "delivery_id": delivery,
        "message_id": message,
        "replay_id": replay["id"],
        "file_path": "app.css",
    }
