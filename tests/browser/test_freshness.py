"""A page shows when the server is unreachable, when it returns, and when the session has ended."""

import re
import signal

from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, Watch, signed_in
from tests.browser.scenarios import scripted_endpoint
from tests.processes import ReceiverProcess, Service, running_service

GONE = ("net::ERR_", "htmx:", r"\[object Event\]")
"""What Chromium and htmx write to the console when nobody answers."""


def test_a_page_is_live_and_its_clocks_tick(page: Page, service: Service, receiver: ReceiverProcess) -> None:
    down = scripted_endpoint(service, receiver)
    down.open_circuit(held=1)
    page.goto("/circuits")
    expect(page.locator("#freshness")).to_have_text("live")
    countdown = page.locator(f"#circuit-{down.endpoint_id} [data-until]")
    before = countdown.inner_text()
    expect(countdown).not_to_have_text(before)
    expect(countdown).to_have_attribute("datetime", re.compile(r"^\d{4}-\d\d-\d\dT.*Z$"))
    expect(countdown).to_have_attribute("title", re.compile(r"UTC$"))


def test_an_ended_session_is_shown_in_place_and_a_half_filled_form_is_not_lost(
    page: Page,
    service: Service,
    receiver: ReceiverProcess,
    watch: Watch,
    new_context: NewContext,
) -> None:
    watch.expect("401")
    watch.expect("EventSource")
    down = scripted_endpoint(service, receiver)
    down.open_circuit(held=0)
    page.goto("/circuits")
    expect(page.locator("#freshness")).to_have_text("live")
    circuit = page.locator(f"#circuit-{down.endpoint_id}")
    circuit.get_by_text("Hold open").first.click()
    circuit.get_by_label("Reason").fill("half typed")

    elsewhere = signed_in(new_context(), "admin")
    elsewhere.goto("/settings")
    elsewhere.get_by_role("row").filter(has_text="admin").get_by_role("button", name="End sessions").click()
    down.send()
    expect(page.locator("#freshness")).to_contain_text("signed out: sign in again", timeout=20_000)
    expect(circuit.get_by_label("Reason")).to_have_value("half typed")


def test_a_lost_server_is_shown_and_live_updates_resume_when_it_returns(
    page: Page, service: Service, watch: Watch
) -> None:
    for words in GONE:
        watch.expect(words)
    page.goto("/circuits")
    expect(page.locator("#freshness")).to_have_text("live")
    port = service.url.rpartition(":")[2]
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    expect(page.locator("#freshness")).to_contain_text("stale since", timeout=20_000)
    folder = service.output.parent
    with running_service(folder, port=port):
        expect(page.locator("#freshness")).to_have_text("live", timeout=30_000)
