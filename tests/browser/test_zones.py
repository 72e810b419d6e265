"""Times in the zone that a person has chosen: in Settings, with scripts and without, then on every page."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, Watch, signed_in
from tests.browser.scenarios import scripted_endpoint
from tests.browser.test_resending import without_script
from tests.processes import ReceiverProcess, Service


@pytest.fixture
def delivery(service: Service, receiver: ReceiverProcess) -> str:
    return scripted_endpoint(service, receiver).failed()


@pytest.mark.parametrize("scripts", [True, False])
def test_the_zone_chosen_in_settings_applies_to_every_page(
    delivery: str, page: Page, new_context: NewContext, administrator: str, scripts: bool
) -> None:
    reader = page if scripts else without_script(new_context, administrator)
    reader.goto("/settings")
    expect(reader.locator(".zone")).to_have_text("Times in UTC")
    reader.get_by_label("Time zone").select_option("Asia/Kathmandu")
    reader.get_by_role("button", name="Save").click()
    expect(reader.locator("#flash")).to_contain_text("Times are now in Asia/Kathmandu.")
    expect(reader.get_by_label("Time zone")).to_have_value("Asia/Kathmandu")

    reader.goto(f"/deliveries/{delivery}")
    expect(reader.locator(".zone")).to_have_text("Times in Asia/Kathmandu")
    expect(reader.locator("#why")).to_contain_text("UTC+0545")
    shown = reader.locator("dl.facts time").first
    expect(shown).to_have_attribute("datetime", re.compile(r"Z$"))
    expect(shown).to_have_attribute("title", re.compile(r"UTC\+0545 \(.* UTC\)$"))


def test_a_date_is_read_in_the_chosen_zone_and_its_link_has_the_offset(page: Page) -> None:
    page.goto("/settings")
    page.get_by_label("Time zone").select_option("America/St_Johns")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash")).to_contain_text("America/St_Johns")
    page.goto("/deliveries")
    since = page.get_by_label("From")
    expect(since).to_have_accessible_description("Times are in America/St_Johns unless you add an offset.")
    since.fill("2026-01-15")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"since=2026-01-15T00%3A00-03%3A30"))
    expect(since).to_have_value("2026-01-15T00:00-03:30")


def test_the_zone_of_the_browser_is_offered_and_set_with_one_click(
    delivery: str, new_context: NewContext, administrator: str
) -> None:
    page = signed_in(new_context(timezone_id="America/New_York"), administrator)
    page.goto("/settings")
    page.get_by_role("button", name="Use the zone of this browser: America/New_York").click()
    expect(page.locator("#flash")).to_contain_text("Times are now in America/New_York.")
    expect(page.get_by_role("button", name="Use the zone of this browser")).to_be_hidden()
    page.goto(f"/deliveries/{delivery}")
    time = page.locator("dl.facts time").first
    time.hover()
    assert "\n" not in (time.get_attribute("title") or "")


def test_a_tooltip_shows_the_time_in_the_zone_of_the_browser_too(
    delivery: str, new_context: NewContext, administrator: str
) -> None:
    page = signed_in(new_context(timezone_id="America/New_York"), administrator)
    page.goto(f"/deliveries/{delivery}")
    time = page.locator("dl.facts time").first
    time.hover()
    expect(time).to_have_attribute("title", re.compile(r" UTC\n.*(EST|EDT|GMT-)"))


def test_an_unknown_zone_is_refused_with_a_message(page: Page, watch: Watch) -> None:
    watch.expect("422")
    page.goto("/settings")
    page.locator("#zone").evaluate("select => { select.options[0].value = 'Europe/Atlantis' }")
    page.get_by_label("Time zone").select_option("Europe/Atlantis")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash")).to_contain_text('Unknown time zone "Europe/Atlantis"')
    expect(page.locator(".zone")).to_have_text("Times in UTC")
