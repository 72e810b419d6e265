"""One browser with many tabs: every navigation works, and each tab gets live updates."""

from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import PASSWORD, NewContext, Watch, signed_in
from tests.browser.scenarios import row, scripted_endpoint
from tests.browser.test_two_browsers import live
from tests.processes import ReceiverProcess, Service

TABS = 10
SOON = 2_000
_HIDDEN = """
window.tabHidden = true
Object.defineProperty(Document.prototype, 'hidden', {get: () => window.tabHidden})
"""
_SHOW = "() => { window.tabHidden = false; document.dispatchEvent(new Event('visibilitychange')) }"
_NO_WORKERS = "delete window.SharedWorker"
_FORBIDDEN_WORKERS = (
    "window.SharedWorker = class { constructor() { throw new DOMException('', 'SecurityError') } }"
)
_BROKEN_WORKERS = """
const Shared = window.SharedWorker
window.SharedWorker = class { constructor() { return new Shared('/static/missing.js') } }
"""


def new_tab(context: BrowserContext, *scripts: str) -> Page:
    page = context.new_page()
    for script in scripts:
        page.add_init_script(script)
    return page


def test_ten_tabs_are_live_and_every_navigation_works(
    service: Service, receiver: ReceiverProcess, new_context: NewContext, administrator: str
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    endpoint.failed()
    context = new_context()
    tabs = [signed_in(context, administrator)]
    tabs += [new_tab(context, *([_HIDDEN] if number < 3 else [])) for number in range(1, TABS)]
    for page, path in zip(tabs, ["/", "/deliveries", "/circuits", "/endpoints", "/replays"] * 2, strict=True):
        page.goto(path)
    for page in (tabs[0], *tabs[3:]):
        expect(page.locator("#freshness")).to_have_text("live")
    for page in tabs:
        page.goto(f"/deliveries?endpoint={endpoint.endpoint_id}")
    endpoint.respond_with("status=200")
    delivery = endpoint.send()
    for page in tabs[3:]:
        expect(page.get_by_role("link", name="1 new")).to_be_visible(timeout=SOON)
    tabs[0].goto(f"/deliveries/{delivery}")
    expect(tabs[0].get_by_role("heading", level=1)).to_contain_text("Delivered")


def test_a_tab_opened_in_the_background_connects_only_when_it_is_shown(
    service: Service, receiver: ReceiverProcess, new_context: NewContext, administrator: str
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    delivery = endpoint.failed()
    context = new_context()
    page = signed_in(context, administrator)
    hidden = [new_tab(context, _NO_WORKERS, _HIDDEN) for _ in range(7)]
    for tab in hidden:
        tab.goto(f"/deliveries?endpoint={endpoint.endpoint_id}")
    page.goto("/circuits")
    expect(page.locator("#freshness")).to_have_text("live")

    hidden[0].evaluate(_SHOW)
    expect(hidden[0].locator("#freshness")).to_have_text("live")
    endpoint.respond_with("status=200")
    service.api.post(f"/deliveries/{delivery}/resend", json={}).raise_for_status()
    expect(row(hidden[0], delivery)).to_contain_text("delivered", timeout=SOON)


@pytest.mark.parametrize("workers", [_NO_WORKERS, _FORBIDDEN_WORKERS, _BROKEN_WORKERS])
def test_a_tab_without_a_shared_worker_has_a_stream_of_its_own(
    page: Page, watch: Watch, workers: str
) -> None:
    watch.expect("404")
    page.add_init_script(workers)
    live(page, "/circuits")


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_all_tabs_are_live_after_one_of_them_signs_out_and_in_again(
    service: Service, receiver: ReceiverProcess, new_context: NewContext, administrator: str, watch: Watch
) -> None:
    watch.expect("401")
    endpoint = scripted_endpoint(service, receiver)
    delivery = endpoint.failed()
    context = new_context()
    first, second = signed_in(context, administrator), new_tab(context)
    path = f"/deliveries?endpoint={endpoint.endpoint_id}"
    for tab in (first, second):
        live(tab, path)
    sign_out(second)
    second.goto(f"/sign-in?next={quote(path)}")
    second.get_by_label("Name").fill(administrator)
    second.get_by_label("Password").fill(PASSWORD)
    second.get_by_role("button", name="Sign in").click()
    expect(second.locator("#freshness")).to_have_text("live")
    endpoint.respond_with("status=200")
    service.api.post(f"/deliveries/{delivery}/resend", json={}).raise_for_status()
    for tab in (first, second):
        expect(row(tab, delivery)).to_contain_text("delivered")
    for tab in (first, second):
        expect(tab.locator("#freshness")).to_have_text("live")
    row(first, delivery).get_by_role("link").first.click()
    expect(first.get_by_role("heading", level=1)).to_contain_text("Delivered")


def test_a_tab_does_not_go_on_in_the_session_of_another_person(
    service: Service, receiver: ReceiverProcess, new_context: NewContext, administrator: str, watch: Watch
) -> None:
    watch.expect("401")
    watch.expect("EventSource")
    endpoint = scripted_endpoint(service, receiver)
    context = new_context()
    first, second = signed_in(context, administrator), new_tab(context)
    first.goto("/settings")
    first.get_by_label("Invite").fill("vera")
    first.get_by_role("button", name="Create invite link").click()
    link = first.locator("#link").inner_text()
    live(first, "/")
    second.goto("/settings")
    sign_out(second)
    second.goto(link)
    second.get_by_label("Password").fill(PASSWORD)
    second.get_by_role("button", name="Set password and sign in").click()
    live(second, "/")
    endpoint.respond_with("status=200")
    endpoint.send()
    expect(first.locator("#freshness")).to_contain_text("signed out: sign in again", timeout=20_000)
