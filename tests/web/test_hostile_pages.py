"""Hostile text in every form; no page runs it, links to other sites or hides characters."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.paging.filters import PARAMETERS
from breakwater.core.runtime import Runtime
from breakwater.web.app import create_app
from tests.delivery.running_engine import settings_for
from tests.fakes import ManualClock, ScriptedSender
from tests.web.hostile_markup import hostile_markup
from tests.web.running_app import BOOTSTRAP_KEY, RunningApp
from tests.web.test_every_route import form_token, routes
from tests.web.test_hostile import CORPUS

LINE = "x" * 1_000_000
HOSTILE = [*CORPUS, LINE]
KEY = "k<script>alert(7)</script>'\"-"
NO_PAGES = ("/api/", "/health/", "/metrics", "/schema", "/events", "/static/")
FILTERS = (*PARAMETERS, "cursor", "range", "after")


class Filled:
    """A service into which hostile text was put wherever it is taken, and what is there to be looked at."""

    def __init__(self, service: RunningApp, browser: httpx.AsyncClient, ids: Mapping[str, str]) -> None:
        self.service = service
        self.browser = browser
        self.ids = ids

    def pages(self) -> list[str]:
        """Return the path of every page, by walking the routes."""
        paths = []
        for method, path in routes(self.service.app):
            if method == "GET" and not path.startswith(NO_PAGES) and not path.endswith(".csv"):
                paths.append(path.replace("{", "{0[").replace("}", "]}").format(self.ids))
        return paths


@pytest.fixture
async def filled(service: RunningApp) -> Filled:
    browser = await service.browser("admin")
    endpoint = await service.endpoint("billing.example", event_types=["a"])
    delivery = message = ""
    for text in CORPUS[:-1]:
        body = json.dumps({text: text}).encode()
        service.sender.script(
            "billing.example", Response(400, (("X-Answer", text), ("Location", text)), body)
        )
        accepted = await service.post("/messages", {"event_type": "a", "payload": {text: [text]}}, 202)
        delivery, message = accepted["deliveries"][0]["id"], accepted["id"]
        await service.reaches(delivery, DeliveryState.FAILED)
        service.sender.script("billing.example", TransportFailure(FailureClass.BLOCKED, text))
        again = await service.api.post(f"/api/v1/deliveries/{delivery}/resend", json={"reason": text})
        if again.status_code == 422:  # a reason is a line of text
            await service.post(f"/deliveries/{delivery}/resend")
        await service.attempted(delivery, 2)
    await forms_are_sent(service, browser, endpoint, delivery)
    replay = await service.post(
        "/replays", {"filter": {"event_type": "a"}, "reason": CORPUS[1], "pace": 0.01}, 201
    )
    await service.post(f"/endpoints/{await service.endpoint('gone.example')}/pause")
    ids = {
        "created_id": endpoint,
        "endpoint_id": endpoint,
        "delivery_id": delivery,
        "message_id": message,
        "replay_id": replay["id"],
    }
    return Filled(service, browser, ids)


async def forms_are_sent(
    service: RunningApp, browser: httpx.AsyncClient, endpoint: str, delivery: str
) -> None:
    """Put the corpus into every form that takes a text, as a browser that minds no `maxlength` would."""
    token = await form_token(browser)
    view = {"filter": "status=failed"}
    person = {"role": "viewer"}
    for text in HOSTILE:
        short = text[:60_000]
        for path, fields in (
            (f"/circuits/{endpoint}/hold", {"reason": short}),
            (f"/circuits/{endpoint}/hold", {"reason": "fine", "for": short}),
            (f"/circuits/{endpoint}/release", {"reason": short}),
            (f"/circuits/{endpoint}/reset", {"reason": short}),
            (f"/circuits/{endpoint}/probe", {"reason": short}),
            (f"/deliveries/{delivery}/cancel", {"reason": short}),
            (f"/deliveries/{delivery}/resend", {"reason": short}),
            ("/deliveries/resend", {"reason": short, "ids": delivery, "confirmed": "yes"}),
            ("/deliveries/resend", {"ids": short}),
            ("/deliveries/views", {**view, "name": short}),
            ("/deliveries/views", {"name": "x", "filter": short}),
            ("/replays", {"status": "failed", "pace": "1", "reason": short}),
            ("/replays", {"status": "failed", "pace": short, "typed": short, "q": short}),
            ("/settings/people", {**person, "name": short}),
            ("/settings/people", {"name": "eve", "role": short}),
            ("/settings/keys", {"name": short, "scopes": "read"}),
            ("/settings/keys", {"name": "x", "scopes": short}),
            ("/settings/theme", {"theme": short}),
            ("/endpoints", {"url": "https://h.example/", "name": short, "description": short}),
            ("/endpoints", {"url": short, "headers": short, "event_types": short, "retry.delays": short}),
            (f"/endpoints/{endpoint}/edit", {"name": short, "description": short}),
        ):
            response = await browser.post(path, data={"_csrf": token, **fields})
            assert response.status_code in {200, 303, 404, 409, 413, 422}, (
                path,
                text[:40],
                response.text[-300:],
            )
            assert hostile_markup(response.text) == [], (path, text[:40])


async def test_no_page_runs_hostile_text_links_to_other_sites_or_hides_characters(filled: Filled) -> None:
    for path in filled.pages():
        for headers in ({}, {"HX-Request": "true"}):
            response = await filled.browser.get(path, headers=headers)
            assert response.status_code == 200, path
            assert hostile_markup(response.text) == [], path
    assert "&lt;script&gt;" in (await filled.browser.get("/audit")).text


async def test_no_filter_in_a_url_runs_hostile_text_or_links_to_other_sites(filled: Filled) -> None:
    lists = [path for path in filled.pages() if path not in {"/sign-in", "/welcome"}]
    for text in (CORPUS[1], CORPUS[6], CORPUS[9], CORPUS[10]):
        query = "&".join(f"{name}={quote(text, safe='')}" for name in FILTERS)
        for path in lists:
            response = await filled.browser.get(f"{path}?{query}")
            assert response.status_code in {200, 404, 422}, path
            assert hostile_markup(response.text) == [], path


async def test_any_search_text_is_shown_in_the_search_field(service: RunningApp) -> None:
    await service.endpoint()
    browser = await service.browser("viewer")
    for text in CORPUS[:-1]:
        for path in ("/deliveries", "/deliveries/causes", "/replays/new"):
            response = await browser.get(path, params={"q": text, "event_type": text, "since": text})
            assert response.status_code in {200, 422}
            assert hostile_markup(response.text) == []
            assert 'id="search"' in response.text


async def test_input_is_shown_unchanged_in_its_field(service: RunningApp) -> None:
    family = "👨\u200d👩\u200d👧 \u202eabc"
    endpoint = await service.endpoint("billing.example", name=family, description=f"{family}\nsecond line")
    browser = await service.browser("admin")
    await service.post("/messages", {"event_type": "a", "payload": {family: 1}}, 202)
    await service.sent(1)
    await service.quiet()
    for path in ("/deliveries", "/replays/new"):
        page = (await browser.get(path, params={"q": family})).text
        assert set(re.findall(r'name="q"[^>]* value="([^"]*)"', page)) == {family}, path
    page = (await browser.get(f"/endpoints/{endpoint}/edit")).text
    fields = dict(re.findall(r'<input id="[^"]*" name="([^"]+)" value="([^"]*)"', page))
    assert fields["name"] == family
    token = await form_token(browser)
    form = {**fields, "_csrf": token, "description": "changed", "headers": "", "event_types": ""}
    saved = await browser.post(f"/endpoints/{endpoint}/edit", data=form)
    assert saved.status_code == 303, saved.text
    view = await service.get(f"/endpoints/{endpoint}")
    assert (view["name"], view["description"]) == (family, "changed")


async def test_a_hostile_idempotency_key_is_escaped(service: RunningApp) -> None:
    await service.endpoint()
    headers = {"Idempotency-Key": KEY}
    sent = await service.api.post("/api/v1/messages", json={"event_type": "a", "payload": 1}, headers=headers)
    assert sent.status_code == 202
    page = await service.api.get(f"/messages/{sent.json()['id']}")
    assert "k&lt;script&gt;" in page.text
    assert hostile_markup(page.text) == []


async def test_a_payload_line_of_a_megabyte_breaks_no_page(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, drain_seconds=0, bootstrap_key=BOOTSTRAP_KEY, payload_cap=2_000_000)
    clock, sender = ManualClock(), ScriptedSender()
    runtime = Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5)
    app = create_app(settings, runtime=runtime)
    async with runtime, RunningApp(runtime, clock, sender, app) as service:
        await service.endpoint()
        sender.script("billing.example", Response(400, (("X-Long", "h" * 60_000),), LINE.encode()))
        sent = await service.post("/messages", {"event_type": "a", "payload": {"line": LINE}}, 202)
        delivery = sent["deliveries"][0]["id"]
        await service.reaches(delivery, DeliveryState.FAILED)
        for path in (f"/deliveries/{delivery}", "/deliveries?q=xxx", "/", f"/messages/{sent['id']}"):
            page = await service.api.get(path)
            assert page.status_code == 200
            assert len(page.text) < 800_000, path
        page = await service.api.get(f"/deliveries/{delivery}")
        assert "more bytes not shown" in page.text


async def test_no_cell_of_an_export_is_a_formula_or_has_invisible_characters(filled: Filled) -> None:
    rows: list[list[str]] = []
    for _method, path in routes(filled.service.app):
        if path.endswith(".csv"):
            rows += csv.reader(io.StringIO((await filled.browser.get(path)).text, newline=""))
    assert len(rows) > len(CORPUS)
    for cell in (cell for row in rows for cell in row):
        assert not unicodedata.normalize("NFKC", cell).lstrip().startswith(("=", "+", "-", "@")), cell
        assert not set("\x1b\x07\u202e\u2066\u200b") & set(cell), cell
    assert any(cell.startswith("'=cmd") for row in rows for cell in row)


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[31mred", "a\x00b", "x" * 501])
async def test_a_reason_that_is_not_one_line_is_refused_and_nothing_happens(
    service: RunningApp, reason: str
) -> None:
    endpoint = await service.endpoint()
    operator = await service.browser("operator")
    fields = {"_csrf": await form_token(operator), "reason": reason}
    response = await operator.post(f"/circuits/{endpoint}/hold", data=fields)
    assert response.status_code == 422
    assert "Reason" in response.text
    in_place = await operator.post(f"/circuits/{endpoint}/hold", data=fields, headers={"HX-Request": "true"})
    assert (in_place.status_code, in_place.headers["hx-trigger"]) == (422, "refresh")
    assert (await service.get(f"/circuits/{endpoint}"))["hold"] is None
