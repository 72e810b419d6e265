"""Keys and people are created, shown once, revoked and disabled; a viewer sees no forbidden buttons."""

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, NewContext, Watch
from tests.browser.scenarios import scripted_endpoint
from tests.processes import ReceiverProcess, Service


def test_a_key_is_shown_once_works_and_is_revoked(service: Service, page: Page) -> None:
    page.goto("/settings")
    page.get_by_label("New key").fill("continuous integration")
    page.get_by_role("button", name="Create key").click()
    token = page.locator("#token").inner_text()
    page.get_by_role("link", name="Done").click()
    assert token not in page.content()
    assert sent_with(service, token) == 202

    listed = page.get_by_role("row").filter(has_text="continuous integration")
    listed.locator("summary").filter(has_text="Revoke key").click()
    expect(listed).to_contain_text("This cannot be undone.")
    listed.get_by_role("button", name="Revoke key continuous integration").click()
    expect(listed).to_contain_text("revoked")
    assert sent_with(service, token) == 401


def test_a_key_without_a_scope_is_refused_in_the_form(page: Page, watch: Watch) -> None:
    watch.expect("422")
    page.goto("/settings")
    page.get_by_label("New key").fill("pointless")
    page.get_by_role("checkbox", name="send").uncheck()
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#key-problem")).to_contain_text("Scopes is empty")
    expect(page.get_by_label("New key")).to_have_value("pointless")


def test_a_viewer_sees_no_button_that_their_role_may_not_use(
    service: Service, receiver: ReceiverProcess, page: Page, new_context: NewContext
) -> None:
    broken = scripted_endpoint(service, receiver)
    delivery = broken.failed()
    page.goto("/settings")
    page.get_by_label("Invite").fill("vera")
    page.get_by_label("Role").select_option("viewer")
    page.get_by_role("button", name="Create invite link").click()
    link = page.locator("#link").inner_text()

    vera = new_context().new_page()
    vera.goto(link)
    vera.get_by_label("Password").fill(PASSWORD)
    vera.get_by_role("button", name="Set password and sign in").click()
    vera.goto(f"/deliveries/{delivery}")
    expect(vera.get_by_role("heading", level=1)).to_contain_text("Failed")
    expect(vera.get_by_role("button", name="Resend")).to_have_count(0)
    vera.goto("/settings")
    expect(vera.get_by_role("button", name="Create key")).to_have_count(0)

    page.goto("/settings")
    vera_row = page.get_by_role("row").filter(has_text="vera")
    vera_row.locator("summary").filter(has_text="Disable").click()
    vera_row.get_by_role("button", name="Disable vera").click()
    expect(page.get_by_role("row").filter(has_text="vera")).to_contain_text("disabled")
    vera.goto("/")
    expect(vera).to_have_url(f"{service.url}/sign-in?next=%2F")


def test_the_theme_is_saved_in_the_browser(page: Page) -> None:
    page.goto("/settings")
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Theme").click()  # dark, then the system's
    expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")


def sent_with(service: Service, token: str) -> int:
    """Return the status of a message that is sent with `token`."""
    message = {"event_type": "test.sent", "payload": {}}
    headers = {"authorization": f"Bearer {token}"}
    return httpx.post(
        f"{service.url}/api/v1/messages", json=message, headers=headers, trust_env=False
    ).status_code
