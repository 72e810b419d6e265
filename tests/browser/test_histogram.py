"""The histogram above the deliveries, used by mouse and keyboard, with and without scripts."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, signed_in
from tests.browser.scenarios import scripted_endpoint
from tests.processes import ReceiverProcess, Service

NARROWED = re.compile(r"since=.+until=")


def test_a_bar_narrows_the_list_to_its_time_without_a_script(
    service: Service, receiver: ReceiverProcess, new_context: NewContext, administrator: str
) -> None:
    delivery = scripted_endpoint(service, receiver).failed()
    page = signed_in(new_context(java_script_enabled=False), administrator)
    page.goto("/deliveries?status=failed")
    page.locator("svg.bars a").last.click()
    expect(page).to_have_url(NARROWED)
    expect(page.locator(f"tr#{delivery}")).to_be_visible()
    page.get_by_role("link", name="Clear time range").click()
    expect(page).to_have_url(re.compile(r"/deliveries\?status=failed$"))


def test_bars_are_reached_by_keyboard_and_can_be_skipped(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    scripted_endpoint(service, receiver).failed()
    page.goto("/deliveries")
    page.get_by_role("link", name="Skip chart").focus()
    page.keyboard.press("Tab")
    expect(page.locator("svg.bars a").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(NARROWED)
    page.get_by_role("link", name="Skip chart").press("Enter")
    expect(page).to_have_url(re.compile("#rows$"))


def test_new_deliveries_raise_the_bars_and_move_no_row(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    steady = scripted_endpoint(service, receiver)
    first = steady.delivered()
    page.goto(f"/deliveries?endpoint={steady.endpoint_id}")
    expect(page.locator("#freshness")).to_have_text("live")
    row, total = page.locator(f"tr#{first}"), page.locator("#strip .legend b")
    expect(total).to_have_text("1")
    before = row.bounding_box()
    page.locator("svg.bars a").first.focus()
    second = steady.send()
    service.delivery_once(second, "delivered")
    expect(page.get_by_role("link", name="1 new")).to_be_visible()
    expect(total).to_have_text("2")
    assert row.bounding_box() == before


def test_the_clear_link_is_beside_the_search_button_at_every_width(page: Page) -> None:
    for width in (1280, 1024, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("/deliveries?status=failed&since=2026-11-22T03:00Z")
        search = page.get_by_role("button", name="Search").bounding_box()
        clear = page.get_by_role("search").get_by_role("link", name="Clear").bounding_box()
        assert search
        assert clear
        assert clear["y"] == search["y"], width
