"""Bulk resends by cause, filter or selection, with mouse, keyboard, and without scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext
from tests.browser.scenarios import ScriptedEndpoint, audit_actions, row, scripted_endpoint
from tests.browser.test_resending import without_script
from tests.processes import ReceiverProcess, Service

SLOWLY = 20_000


def broken(service: Service, receiver: ReceiverProcess, count: int) -> tuple[ScriptedEndpoint, list[str]]:
    """Return an endpoint with `count` failed deliveries that responds 200 from now on."""
    endpoint = scripted_endpoint(
        service, receiver, circuit={"failure_threshold": 1000, "minimum_calls": 10_000}
    )
    endpoint.respond_with("status=422")
    sent = [endpoint.send() for _ in range(count)]
    for delivery in sent:
        service.delivery_once(delivery, "failed")
    endpoint.respond_with("status=200")
    return endpoint, sent


def failed_to(endpoint: ScriptedEndpoint) -> str:
    return f"/deliveries?status=failed&endpoint={endpoint.endpoint_id}"


def test_a_dry_run_is_confirmed_in_a_dialog_and_shows_its_progress_until_it_finishes(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down, sent = broken(service, receiver, 4)
    page.goto(failed_to(down))
    page.get_by_role("link", name="Resend all 4").click()
    expect(page.get_by_role("heading", name="4 deliveries would be resent")).to_be_visible()
    page.get_by_label("Rate").fill("1")
    page.get_by_label("Reason").fill("receiver is back")
    page.get_by_role("button", name="Resend 4 deliveries").click()
    dialog = page.get_by_role("dialog", name="Resend 4 deliveries?")
    expect(dialog).to_contain_text(f"Failed deliveries to {down.name}")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_label("Rate").press("Enter")
    dialog.get_by_role("button", name="Resend 4").click()

    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("Running")
    page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Pause").click()
    expect(heading).to_contain_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(heading).to_contain_text("Finished", timeout=SLOWLY)
    expect(page.get_by_role("img", name=re.compile("4 of 4: 4 delivered"))).to_be_visible()
    for delivery in sent:
        expect(row(page, delivery)).to_contain_text("delivered")
    assert page.evaluate("window.sameDocument")
    replay = page.url.rpartition("/")[2]
    assert audit_actions(service, replay) == [
        "replay.finish",
        "replay.resume",
        "replay.pause",
        "replay.start",
    ]


def test_a_cancelled_replay_skips_the_remaining_deliveries(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down, _sent = broken(service, receiver, 3)
    page.goto(f"/replays/new?status=failed&endpoint={down.endpoint_id}")
    page.get_by_label("Rate").fill("0.001")
    page.get_by_role("button", name="Resend 3 deliveries").click()
    page.get_by_role("dialog").get_by_role("button", name="Resend 3").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cancelled")
    expect(page.locator("#progress-sentence")).to_contain_text("The rest were skipped")
    page.goto("/replays")
    expect(page.get_by_role("row").nth(1)).to_contain_text("0 of 3")


def test_a_cause_is_filtered_and_resent_with_one_click_each(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down, _sent = broken(service, receiver, 3)
    down.respond_with("status=410")
    gone_delivery = down.send()
    service.delivery_once(gone_delivery, "failed")
    page.goto(failed_to(down))
    causes = page.get_by_role("table", name="Failures by cause")
    expect(causes.get_by_role("row").nth(1)).to_contain_text("422")
    expect(causes.get_by_role("row").nth(1)).to_contain_text("3")
    expect(causes.get_by_role("row").nth(2)).to_contain_text("410")
    causes.get_by_role("link", name="client error (4xx)", exact=True).click()
    expect(page.get_by_role("table", name="Deliveries").locator("tbody tr")).to_have_count(3)
    page.go_back()
    causes.get_by_role("link", name=re.compile("Resend all with this cause: client error")).click()
    expect(page.get_by_role("heading", name="3 deliveries would be resent")).to_be_visible()


def test_selecting_rows_pauses_the_page_and_resends_them_together(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down, sent = broken(service, receiver, 3)
    page.goto(failed_to(down))
    freshness, bar = page.locator("#freshness"), page.locator("#selection")
    expect(freshness).to_have_text("live")
    expect(bar).to_be_hidden()
    row(page, sent[0]).get_by_role("checkbox").check()
    row(page, sent[1]).get_by_role("checkbox").check()
    expect(freshness).to_have_text("paused: 2 selected")
    expect(bar).to_contain_text("2 selected")
    service.api.post(f"/deliveries/{sent[2]}/resend", json={})
    service.delivery_once(sent[2], "delivered")
    page.wait_for_timeout(1_500)
    expect(row(page, sent[2])).to_contain_text("failed")

    bar.get_by_role("button", name="Resend selected").click()
    dialog = page.get_by_role("dialog", name="Resend 2 deliveries?")
    dialog.get_by_label("Reason").fill("fixed")
    dialog.get_by_role("button", name="Resend 2").click()
    expect(page.locator("#flash")).to_contain_text("2 deliveries resent.")
    expect(bar).to_be_hidden()
    expect(freshness).to_have_text("live")
    for delivery in sent:
        expect(row(page, delivery)).to_contain_text("delivered")
    page.goto("/audit")
    entry = page.get_by_role("row").filter(has_text="resent deliveries").first
    expect(entry).to_contain_text("fixed")
    entry.get_by_text("2 ids").click()
    expect(entry.get_by_role("link", name=sent[0])).to_be_visible()


def test_the_whole_page_and_then_all_matches_can_be_selected(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down, _sent = broken(service, receiver, 52)
    page.goto(failed_to(down))
    page.get_by_role("checkbox", name="Select all on this page").check()
    bar = page.locator("#selection")
    expect(bar).to_contain_text("All 50 on this page selected")
    bar.get_by_role("link", name="Select all 52 that match").click()
    expect(page.get_by_role("heading", name="52 deliveries would be resent")).to_be_visible()
    later_delivery = broken_again(service, down)
    page.get_by_label("Rate").fill("1000")
    page.get_by_label("Type 52 to confirm").fill("52")
    page.get_by_role("button", name="Resend 52 deliveries").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Finished", timeout=SLOWLY)
    expect(page.locator("#progress-sentence")).to_contain_text("52 of 52 resent")
    assert service.delivery(later_delivery)["status"] == "failed"


def broken_again(service: Service, endpoint: ScriptedEndpoint) -> str:
    """Let one more delivery fail: after the snapshot that a page shows."""
    later_delivery = endpoint.failed()
    endpoint.respond_with("status=200")
    return later_delivery


def test_rows_are_selected_and_resent_with_the_keyboard_only(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down, sent = broken(service, receiver, 2)
    page.goto(failed_to(down).replace("status=failed&", ""))
    expect(page.locator("#freshness")).to_have_text("live")
    for key in ("j", "x", "j", "x", "r"):
        page.keyboard.press(key)
    dialog = page.get_by_role("dialog", name="Resend 2 deliveries?")
    expect(dialog).to_be_visible()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    for delivery in sent:
        expect(row(page, delivery)).to_contain_text("delivered")
    page.locator("body").press("g")
    page.locator("body").press("r")
    expect(page.get_by_role("heading", name="Replays", level=1)).to_be_visible()


def test_replays_work_without_scripts(
    service: Service, receiver: ReceiverProcess, new_context: NewContext, administrator: str
) -> None:
    down, sent = broken(service, receiver, 4)
    page = without_script(new_context, administrator)
    page.goto(failed_to(down))
    row(page, sent[0]).get_by_role("checkbox").check()
    row(page, sent[1]).get_by_role("checkbox").check()
    page.get_by_role("button", name="Resend selected").click()
    expect(page.get_by_role("heading", name="Resend 2 deliveries?")).to_be_visible()
    page.get_by_role("button", name="Resend 2").click()
    expect(page.locator("#flash")).to_contain_text("2 deliveries resent.")
    expect(page).to_have_url(re.compile("status=failed"))
    for delivery in sent[:2]:
        service.delivery_once(delivery, "delivered")

    page.goto(failed_to(down))
    page.get_by_role("link", name="Resend all 2").click()
    page.get_by_role("button", name="Resend 2 deliveries").click()
    expect(page.get_by_role("heading", name="Resend 2 deliveries?")).to_be_visible()
    page.get_by_role("button", name="Resend 2").click()
    expect(page).to_have_url(re.compile("/replays/rpl_"))
    for delivery in sent[2:]:
        service.delivery_once(delivery, "delivered")
    page.reload()
    expect(page.get_by_role("row").filter(has_text="delivered")).to_have_count(2)


def test_a_view_is_saved_and_opened_again(service: Service, receiver: ReceiverProcess, page: Page) -> None:
    down, _sent = broken(service, receiver, 1)
    page.goto(failed_to(down))
    page.get_by_text("Save view").click()
    page.get_by_label("Name").fill(f"Failures of {down.name}")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name=f"Failures of {down.name}")).to_be_visible()
    page.goto("/deliveries")
    page.get_by_role("link", name=f"Failures of {down.name}").click()
    expect(page.get_by_role("table", name="Deliveries").locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Delete view").click()
    expect(page.get_by_role("link", name=f"Failures of {down.name}")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"], indirect=True)
def test_the_pages_fit_a_phone(service: Service, receiver: ReceiverProcess, page: Page) -> None:
    down, _sent = broken(service, receiver, 2)
    page.set_viewport_size({"width": 390, "height": 844})
    query = f"status=failed&endpoint={down.endpoint_id}"
    for path in ("/replays", f"/replays/new?{query}", f"/deliveries?{query}", f"/deliveries/causes?{query}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
    page.goto(f"/deliveries?{query}")
    page.get_by_role("checkbox").nth(1).check()
    expect(page.get_by_role("button", name="Resend selected")).to_be_in_viewport()
