"""Every page fits a phone, works without scripts, and escapes hostile text."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from breakwater.core.settings import Settings
from breakwater.web.app import create_app
from tests.browser.all_pages import HOSTILE, PHONE, every_page, hostile_endpoint, responses_to_forms
from tests.browser.conftest import NewContext, Watch
from tests.browser.scenarios import ScriptedEndpoint
from tests.browser.test_resending import without_script
from tests.processes import ReceiverProcess, Service

NO_PAGES = ("/api/", "/health/", "/metrics", "/schema", "/events", "/static/", "/audit.csv")
AT_THE_DOOR = {"/sign-in", "/welcome"}
"""Looked at by those that nobody has signed in on."""


@pytest.fixture(scope="module")
def busy(service: Service, receiver: ReceiverProcess) -> ScriptedEndpoint:
    return hostile_endpoint(service, receiver)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"], indirect=True)
def test_no_page_scrolls_horizontally_or_runs_hostile_text(
    service: Service, busy: ScriptedEndpoint, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for path in every_page(service, busy):
        page.goto(path)
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{path} is {beyond} px too wide"
        assert page.evaluate("window.hacked") is None, path
        assert page.locator("img, main script").count() == 0, path


def test_every_page_route_is_covered(service: Service, busy: ScriptedEndpoint) -> None:
    pages = [path.partition("?")[0] for path in every_page(service, busy)]
    never_started = Settings(database_url="sqlite+aiosqlite:///:memory:", secret_key="of nothing" * 4)
    app = create_app(never_started)
    for route in app.routes:
        path = route.path_format
        if "GET" not in getattr(route, "methods", ()) or path.startswith(NO_PAGES) or path in AT_THE_DOOR:
            continue
        pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+_[^/]+", re.escape(path)))
        assert any(pattern.fullmatch(page) for page in pages), f"no page of {path} is looked at"


@pytest.mark.parametrize("theme", ["dark"], indirect=True)
def test_hostile_text_that_is_typed_into_a_page_runs_nothing(
    busy: ScriptedEndpoint, page: Page, watch: Watch
) -> None:
    watch.expect("422")
    watch.expect("401|409")
    for text in HOSTILE[:5]:
        page.goto("/deliveries")
        page.get_by_label("Search", exact=True).fill(text)
        page.get_by_label("Search", exact=True).press("Enter")
        expect(page).to_have_url(re.compile("[?&]q="))
        assert page.get_by_label("Search", exact=True).input_value() == text
        page.get_by_text("Save view").click()
        page.get_by_label("Name").fill(text[:60])
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#flash")).to_contain_text("Saved as")
        page.goto(f"/circuits#hold-{busy.endpoint_id}")
        page.locator(f"#hold-{busy.endpoint_id} summary").click()
        page.get_by_label("Reason (shown to others)").first.fill(text)
        page.locator(f"#hold-{busy.endpoint_id} button").click()
        expect(page.locator("#flash")).to_contain_text("is on hold")
    for name in responses_to_forms(page, busy):
        assert page.evaluate("window.hacked") is None, name
        assert page.locator("img, main script").count() == 0, name


def test_hostile_text_is_shown_literally_and_invisible_characters_are_escaped(
    service: Service, busy: ScriptedEndpoint, page: Page
) -> None:
    page.goto(f"/endpoints/{busy.endpoint_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE[1])
    shown = dict.fromkeys(HOSTILE, False)
    for item in service.api.get("/deliveries", params={"event_type": "hostile.sent"}).json()["items"]:
        page.goto(f"/deliveries/{item['id']}")
        payload = page.locator("#payload pre").first.inner_text()
        assert not set("\u202e\u202c\u200b") & set(payload)
        for text in HOSTILE:
            written = json.dumps(text, ensure_ascii=False)[1:-1]
            for unseen in "\u202e\u202c\u200b":
                written = written.replace(unseen, f"\\u{ord(unseen):04x}")
            shown[text] |= written in payload
    assert shown == dict.fromkeys(HOSTILE, True)


def test_every_page_is_readable_without_scripts(
    service: Service, busy: ScriptedEndpoint, new_context: NewContext, administrator: str
) -> None:
    page = without_script(new_context, administrator)
    page.set_viewport_size(PHONE)
    for path in every_page(service, busy):
        page.goto(path)
        expect(page.get_by_role("main")).not_to_be_empty()
        expect(page.get_by_role("button", name="Copy")).to_have_count(0)  # it would do nothing
        freshness = page.locator("#freshness")
        if freshness.count():
            expect(freshness).to_contain_text("as of")


def test_a_missing_object_is_reported_with_a_link_back(page: Page, watch: Watch) -> None:
    watch.expect("404")
    for path in (
        "/nowhere",
        "/deliveries/dlv_00000000000000000000000000",
        "/endpoints/ep_1",
        "/messages/msg_1",
    ):
        response = page.goto(path)
        assert response is not None
        assert response.status == 404, path
        expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
        expect(page.get_by_role("main").get_by_role("link", name="Deliveries")).to_be_visible()


def test_an_invalid_filter_is_shown_with_its_problem_and_preserved(page: Page) -> None:
    page.goto("/deliveries?since=yesterday&status=failed")
    expect(page.get_by_role("alert")).to_contain_text("isn't a time. Use a time such as")
    expect(page.get_by_label("From")).to_have_value("yesterday")
    page.get_by_role("main").get_by_role("link", name="Clear the filter").click()
    expect(page.locator("#live table, #live .empty")).not_to_have_count(0)
