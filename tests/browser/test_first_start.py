"""The first start: the printed link, the first password, signing in and out, and empty pages."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, NewContext, Watch
from tests.processes import Service


def test_the_printed_link_creates_the_first_administrator_who_can_sign_in_again(
    service: Service, visitor: Page
) -> None:
    visitor.goto(service.sign_in_link)
    expect(visitor.get_by_label("Code")).not_to_have_value("")
    expect(visitor).to_have_url(
        f"{service.url}/welcome"
    )  # the code is not left in the address or the history
    visitor.get_by_label("Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Set password and sign in").click()
    expect(visitor).to_have_url(f"{service.url}/")

    visitor.get_by_role("button", name="Sign out").click()
    expect(visitor).to_have_url(f"{service.url}/sign-in")
    visitor.get_by_label("Name").fill("admin")
    visitor.get_by_label("Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor).to_have_url(f"{service.url}/")


def test_the_link_works_once(service: Service, visitor: Page, watch: Watch) -> None:
    watch.expect("422")
    visitor.goto(service.sign_in_link)
    visitor.get_by_label("Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Set password and sign in").click()
    expect(visitor.get_by_role("alert")).to_contain_text("used or expired")


def test_a_wrong_password_is_shown_in_place_and_the_name_is_preserved(visitor: Page, watch: Watch) -> None:
    watch.expect("401")
    visitor.goto("/sign-in")
    visitor.get_by_label("Name").fill("admin")
    visitor.get_by_label("Password").fill("not this one")
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("alert")).to_contain_text("Wrong name or password")
    expect(visitor.get_by_label("Name")).to_have_value("admin")


def test_signing_in_returns_to_the_page_that_was_requested_without_a_session(
    visitor: Page, service: Service
) -> None:
    visitor.goto("/deliveries?status=failed")
    visitor.get_by_label("Name").fill("admin")
    visitor.get_by_label("Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor).to_have_url(f"{service.url}/deliveries?status=failed")


def test_signing_in_works_without_scripts(new_context: NewContext) -> None:
    page = new_context(java_script_enabled=False).new_page()
    page.goto("/sign-in")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/deliveries", "/endpoints"])
def test_an_empty_page_shows_the_command_that_sends_a_first_webhook(
    visitor: Page, service: Service, path: str
) -> None:
    visitor.goto(f"/sign-in?next={path}")
    visitor.get_by_label("Name").fill("admin")
    visitor.get_by_label("Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.locator("#first-webhook")).to_contain_text(f"curl -X POST {service.url}/api/v1/messages")
