"""One browser with many tabs: every navigation works, and each tab gets live updates."""

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import NewContext, signed_in
from tests.browser.scenarios import row, scripted_endpoint
from tests.processes import ReceiverProcess, Service

TABS = 10
SOON = 2_000
_HIDDEN = """
window.tabHidden = true
Object.defineProperty(Document.prototype, 'hidden', {get: () => window.tabHidden})
"""
_SHOW = "() => { window.tabHidden = false; document.dispatchEvent(new Event('visibilitychange')) }"
_NO_WORKERS = "delete window.SharedWorker"


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
