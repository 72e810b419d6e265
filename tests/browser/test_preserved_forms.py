"""A session ends while a person types: without scripts the form is preserved through the sign-in."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.all_pages import end_session
from tests.browser.conftest import PASSWORD, NewContext, Watch
from tests.browser.test_resending import without_script
from tests.processes import ReceiverProcess


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_form_sent_without_scripts_after_its_session_ended_is_sent_once_signed_in(
    receiver: ReceiverProcess, new_context: NewContext, administrator: str, watch: Watch, width: int
) -> None:
    watch.expect("401")
    page = without_script(new_context, administrator)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/endpoints/new")
    name = f"Typed with care, {width}"
    page.get_by_label("URL").fill(f"{receiver.url}/steady")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Event types").fill("order.created\norder.shipped")
    end_session(page)
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.get_by_role("alert")).to_contain_text("You are signed out. Nothing has been changed.")
    expect(page.get_by_role("region", name="Your input")).to_contain_text(name)

    sign_in(page, administrator)
    expect(page.get_by_role("status").last).to_contain_text(f"You are signed in as {administrator}.")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Send form").click()
    expect(page.locator("#secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("main")).to_contain_text("order.shipped")


def test_discarding_a_preserved_form_returns_to_its_page_and_changes_nothing(
    new_context: NewContext, administrator: str, watch: Watch
) -> None:
    watch.expect("401")
    page = without_script(new_context, administrator)
    page.goto("/settings")
    page.get_by_label("New key").fill("never made")
    end_session(page)
    page.get_by_role("button", name="Create key").click()
    sign_in(page, administrator)
    page.get_by_role("link", name="Discard").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    expect(page.get_by_text("never made")).to_have_count(0)


def test_with_scripts_a_person_with_an_expired_session_cookie_can_sign_in(
    page: Page, administrator: str, watch: Watch
) -> None:
    watch.expect("401")
    page.goto("/settings")
    end_session(page)
    page.goto("/deliveries")
    sign_in(page, administrator)
    expect(page.get_by_role("heading", level=1)).to_have_text("Deliveries")
