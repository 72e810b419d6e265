"""Browse deliveries and resend failed ones."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, signed_in
from tests.browser.scenarios import audit_actions, row, scripted_endpoint
from tests.processes import ReceiverProcess, Service


def test_a_delivered_webhook_is_shown_with_its_attempt(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    steady = scripted_endpoint(service, receiver)
    delivery = steady.delivered()

    page.goto("/deliveries")
    expect(row(page, delivery)).to_contain_text("delivered")
    row(page, delivery).get_by_role("link", name=f"{steady.name}.sent").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Delivered")
    attempt = page.locator("#attempt-1")
    expect(attempt).to_contain_text("200")
    expect(attempt).to_contain_text("webhook-id")
    expect(page.locator("#payload")).to_contain_text(steady.name)


def test_a_new_delivery_is_announced_and_moves_no_row(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    steady = scripted_endpoint(service, receiver)
    first = steady.delivered()
    page.goto("/deliveries")
    top = page.locator("table.deliveries tbody tr").first
    expect(top).to_have_id(first)
    expect(page.locator("#freshness")).to_have_text("live")

    second = steady.send()
    expect(page.get_by_role("link", name="1 new")).to_be_visible()
    expect(top).to_have_id(first)
    page.get_by_role("link", name="1 new").click()
    expect(page.locator("table.deliveries tbody tr").first).to_have_id(second)


def test_a_resent_delivery_becomes_delivered_on_the_open_page(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    broken = scripted_endpoint(service, receiver)
    delivery = broken.failed()
    page.goto(f"/deliveries/{delivery}")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("Failed")
    expect(page.locator("#why")).to_contain_text("422")

    broken.respond_with("status=200")
    page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Resend").click()
    expect(page.locator("#flash")).to_contain_text("Resending: attempt")
    expect(heading).to_contain_text("Delivered")
    expect(page.locator("#attempt-2")).to_contain_text("resend")
    assert page.evaluate("window.sameDocument")
    assert audit_actions(service, delivery) == ["delivery.resend"]


def test_two_clicks_from_now_resend_a_delivery_and_its_row_stays_in_the_list(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    broken = scripted_endpoint(service, receiver)
    delivery = broken.failed()
    broken.respond_with("status=200")
    page.goto("/")
    page.locator(".figures").get_by_role("link").last.click()
    expect(page).to_have_url(re.compile("status=failed"))
    row(page, delivery).get_by_role("button", name="Resend").click()
    expect(row(page, delivery)).to_contain_text("delivered")
    expect(row(page, delivery).get_by_role("button", name="Resend")).to_have_count(0)


def test_a_failed_delivery_is_resent_with_the_keyboard_only(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    broken = scripted_endpoint(service, receiver)
    delivery = broken.failed()
    broken.respond_with("status=200")
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.get_by_role("heading", name="Deliveries", level=1)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(delivery)
    page.keyboard.press("Enter")
    expect(page.locator("table.deliveries tbody tr")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(row(page, delivery)).to_contain_text("delivered")


def test_a_failed_delivery_is_resent_without_a_script(
    service: Service, receiver: ReceiverProcess, new_context: NewContext, administrator: str
) -> None:
    broken = scripted_endpoint(service, receiver)
    delivery = broken.failed()
    broken.respond_with("status=200")
    page = without_script(new_context, administrator)
    page.goto(f"/deliveries/{delivery}")
    page.get_by_role("button", name="Resend").click()
    expect(page.locator("#flash")).to_contain_text("Resending: attempt")
    service.delivery_once(delivery, "delivered")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Delivered")
    expect(page.locator("#flash")).not_to_contain_text("Resending: attempt")  # it is shown once
    assert audit_actions(service, delivery) == ["delivery.resend"]


def test_a_change_by_another_person_is_shown_in_place(
    service: Service, receiver: ReceiverProcess, page: Page, new_context: NewContext, administrator: str
) -> None:
    broken = scripted_endpoint(service, receiver)
    broken.open_circuit(held=0)
    waiting = broken.send()
    stale = without_script(new_context, administrator)  # keeps showing the page as it was
    stale.goto(f"/deliveries/{waiting}")
    page.goto(f"/deliveries/{waiting}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cancelled")

    stale.get_by_role("button", name="Cancel").click()
    expect(stale.locator("#flash")).to_contain_text("already cancelled")
    expect(stale.get_by_role("heading", level=1)).to_contain_text("Cancelled")


def test_attempts_show_what_changed_and_can_be_copied_as_curl(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    broken = scripted_endpoint(service, receiver)
    delivery = broken.failed()
    broken.respond_with("status=404")
    service.api.post(f"/deliveries/{delivery}/resend", json={})
    page.goto(f"/deliveries/{delivery}")
    expect(page.locator("#attempt-2")).to_contain_text("Status 422 → 404")
    curl = page.locator("#curl")
    expect(curl).to_contain_text(f"curl -X POST {receiver.url}{broken.path}")
    expect(curl).to_contain_text("webhook-signature: <webhook-signature>")
    page.get_by_text("Raw").last.click()
    expect(page.locator("#payload pre.as-raw")).to_be_visible()


def without_script(new_context: NewContext, name: str) -> Page:
    """Return a page of a browser that runs no scripts, on which `name` is signed in."""
    return signed_in(new_context(java_script_enabled=False), name)
