"""Circuits open, close, and are reset, probed, held and released: with mouse, two browsers, and without scripts."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, signed_in
from tests.browser.scenarios import audit_actions, circuit_of, reset_button, scripted_endpoint
from tests.browser.test_resending import without_script
from tests.processes import ReceiverProcess, Service

SLOWLY = 30_000


def test_a_circuit_opens_counts_down_probes_and_closes_on_the_open_page(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    circuit = {
        "failure_threshold": 2,
        "success_threshold": 1,
        "timeout_seconds": 4.0,
        "timeout_multiplier": 1.0,
    }
    shaky = scripted_endpoint(
        service, receiver, circuit=circuit, retry={"delays": [1.0, 1.0, 1.0], "jitter": 0}
    )
    page.goto("/circuits")
    expect(circuit_of(page, shaky)).to_contain_text("closed")
    page.evaluate("window.sameDocument = true")

    shaky.respond_with("status=500")
    shaky.send()
    shaky.send()
    expect(circuit_of(page, shaky).locator(".state")).to_contain_text("open", timeout=SLOWLY)
    expect(circuit_of(page, shaky).locator("[data-until]")).to_have_text(re.compile(r"0:0\d"))
    shaky.respond_with("status=200")
    expect(circuit_of(page, shaky).locator(".state")).to_have_text("closed", timeout=SLOWLY)
    changes = page.get_by_role("listitem").filter(has_text=shaky.name)
    expect(changes.first).to_contain_text("closed")
    assert page.evaluate("window.sameDocument")


def test_resetting_an_open_circuit_releases_its_held_deliveries(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down = scripted_endpoint(service, receiver)
    deliveries = down.open_circuit(held=3)
    page.goto("/")
    brief = page.locator(f"#brief-{down.endpoint_id}")
    expect(brief).to_contain_text("open")

    down.respond_with("status=200")
    reset_button(brief).click()
    expect(page.locator("#flash")).to_contain_text("reset.")
    expect(brief).to_contain_text("reset by you")
    expect(brief.get_by_role("button")).to_have_count(0)
    expect(brief.get_by_role("link", name="Hold open…")).to_be_visible()
    for delivery in deliveries[down.threshold :]:
        service.delivery_once(delivery, "delivered")
    assert audit_actions(service, down.endpoint_id)[0] == "circuit.reset"
    page.goto("/audit")
    expect(page.get_by_role("row").filter(has_text=down.endpoint_id).first).to_contain_text(
        "reset the circuit"
    )


def test_an_open_circuit_is_reset_without_a_script(
    service: Service, receiver: ReceiverProcess, new_context: NewContext, administrator: str
) -> None:
    down = scripted_endpoint(service, receiver)
    deliveries = down.open_circuit(held=2)
    down.respond_with("status=200")
    page = without_script(new_context, administrator)
    page.goto("/circuits")
    reset_button(circuit_of(page, down)).click()
    expect(page).to_have_url(f"{service.url}/circuits")
    expect(page.locator("#flash")).to_contain_text("reset.")
    expect(circuit_of(page, down)).to_contain_text("closed")
    for delivery in deliveries[down.threshold :]:
        service.delivery_once(delivery, "delivered")
    assert audit_actions(service, down.endpoint_id)[0] == "circuit.reset"


def test_a_change_in_one_browser_appears_in_another_within_two_seconds(
    service: Service, receiver: ReceiverProcess, page: Page, new_context: NewContext, administrator: str
) -> None:
    down = scripted_endpoint(service, receiver)
    down.open_circuit(held=0)
    other = signed_in(new_context(), administrator)
    for tab in (page, other):
        tab.goto("/circuits")
        expect(tab.locator("#freshness")).to_have_text("live")
    down.respond_with("status=200")
    reset_button(circuit_of(page, down)).click()
    expect(circuit_of(other, down).locator(".state")).to_have_text("closed", timeout=2_000)


def test_a_hold_requires_and_shows_a_reason_and_is_released(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    calm = scripted_endpoint(service, receiver)
    calm.respond_with("status=200")
    page.goto(f"/endpoints/{calm.endpoint_id}")
    circuit = circuit_of(page, calm)
    circuit.get_by_text("Hold open").first.click()
    circuit.get_by_label("Reason").fill("moving house")
    circuit.get_by_label("For how long").fill("2h")
    circuit.get_by_role("button", name="Hold open").click()
    expect(circuit.locator(".state")).to_have_text("held")
    expect(circuit).to_contain_text("moving house")
    assert calm.circuit()["hold"]

    held = calm.send()
    page.goto(f"/deliveries/{held}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Held")
    page.goto("/circuits")
    circuit_of(page, calm).get_by_role("button", name="Release").click()
    expect(page.locator("#flash")).to_contain_text("released. Probing first")
    service.delivery_once(held, "delivered")
    assert audit_actions(service, calm.endpoint_id)[:2] == ["circuit.release", "circuit.hold"]


def test_a_hold_with_an_invalid_duration_is_refused_in_place(
    service: Service, receiver: ReceiverProcess, new_context: NewContext, administrator: str
) -> None:
    calm = scripted_endpoint(service, receiver)
    page = without_script(new_context, administrator)
    page.goto(f"/endpoints/{calm.endpoint_id}")
    circuit = circuit_of(page, calm)
    circuit.get_by_text("Hold open").first.click()
    circuit.get_by_label("Reason").fill("moving house")
    circuit.get_by_label("For how long").evaluate("field => field.removeAttribute('pattern')")
    circuit.get_by_label("For how long").fill("a while")
    circuit.get_by_role("button", name="Hold open").click()
    expect(page.locator("#flash")).to_contain_text("is not a valid duration")
    assert calm.circuit()["hold"] is None


def test_a_half_filled_form_survives_three_updates_and_no_row_is_lost(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down = scripted_endpoint(service, receiver)
    down.open_circuit(held=0)
    page.goto("/circuits")
    circuit = circuit_of(page, down)
    circuit.get_by_text("Hold open").first.click()
    circuit.get_by_label("Reason").fill("half typ")
    backlog = circuit.locator("a[href*=pending]")
    for waiting in (3, 4, 5):
        down.send()
        expect(backlog).to_have_text(str(waiting))
    expect(circuit.get_by_label("Reason")).to_have_value("half typ")
    expect(circuit.get_by_label("Reason")).to_be_focused()


def test_probe_now_sends_its_probes_and_reports_them(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down = scripted_endpoint(service, receiver)
    down.open_circuit(held=1)
    page.goto("/circuits")
    circuit_of(page, down).get_by_role("button", name="Probe now").click()
    expect(page.locator("#flash")).to_contain_text("is half-open")
    expect(page.get_by_role("listitem").filter(has_text=down.name).first).to_contain_text("probe")
    assert audit_actions(service, down.endpoint_id)[0] == "circuit.probe"
