"""Changes of other people appear soon and disturb no rows, selections, dialogs or forms."""

import signal

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewContext, Watch, signed_in
from tests.browser.scenarios import ScriptedEndpoint, circuit_of, row, scripted_endpoint
from tests.browser.test_freshness import GONE
from tests.processes import ReceiverProcess, Service, running_service

SOON = 2_000
"""Milliseconds within which one sees what another does."""
_COUNT_UPDATES = """
window.updates = 0
document.addEventListener('htmx:beforeRequest', (event) => { if (event.target.id === 'live') window.updates += 1 })
"""


def live(page: Page, path: str) -> Page:
    """Open a page, and wait until it gets live updates."""
    page.goto(path)
    expect(page.locator("#freshness")).to_have_text("live")
    return page


def failures(endpoint: ScriptedEndpoint, count: int) -> list[str]:
    """Create failed deliveries; the receiver succeeds from now on."""
    endpoint.respond_with("status=422")
    sent = [endpoint.send() for _ in range(count)]
    for delivery in sent:
        endpoint.service.delivery_once(delivery, "failed")
    endpoint.respond_with("status=200")
    return sent


def top_of(target: Locator) -> float:
    box = target.bounding_box()
    assert box is not None
    return box["y"]


def test_a_change_in_one_browser_appears_on_every_page_of_another_within_two_seconds(
    service: Service, receiver: ReceiverProcess, page: Page, new_context: NewContext, administrator: str
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    (delivery,) = failures(endpoint, 1)
    other = signed_in(new_context(), administrator)

    live(other, f"/deliveries?endpoint={endpoint.endpoint_id}")
    live(page, f"/deliveries/{delivery}").get_by_role("button", name="Resend").click()
    expect(row(other, delivery)).to_contain_text("delivered", timeout=SOON)

    live(other, "/")
    live(page, f"/endpoints/{endpoint.endpoint_id}").locator(f"#hold-{endpoint.endpoint_id} summary").click()
    page.get_by_label("Reason (shown to others)").fill("moving house")
    page.locator(f"#hold-{endpoint.endpoint_id} button").click()
    expect(other.locator(f"#brief-{endpoint.endpoint_id}")).to_contain_text("moving house", timeout=SOON)

    live(other, "/endpoints")
    page.get_by_role("button", name="Pause").click()
    expect(other.locator(f"tr#{endpoint.endpoint_id}")).to_contain_text("paused", timeout=SOON)

    live(page, "/circuits")
    circuit_of(other.goto("/circuits") and other, endpoint).get_by_role("button", name="Release").click()
    expect(circuit_of(page, endpoint).get_by_role("button", name="Release")).to_have_count(0, timeout=SOON)


def test_a_dialog_and_the_rows_behind_it_survive_three_updates(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    sent = failures(endpoint, 5)
    live(page, f"/deliveries?endpoint={endpoint.endpoint_id}")
    page.evaluate(_COUNT_UPDATES)
    for delivery in sent[:2]:
        row(page, delivery).get_by_role("checkbox").check()
    page.get_by_role("button", name="Resend selected").click()
    dialog = page.get_by_role("dialog", name="Resend 2 deliveries?")
    dialog.get_by_label("Reason").fill("half typ")
    for number, delivery in enumerate(sent[2:], start=1):
        service.api.post(f"/deliveries/{delivery}/resend", json={}).raise_for_status()
        page.wait_for_function("number => window.updates >= number", arg=number)

    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Reason")).to_have_value("half typ")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    for delivery in sent:
        expect(row(page, delivery).get_by_role("checkbox")).to_be_checked(checked=delivery in sent[:2])
    dialog.get_by_role("button", name="Resend 2").click()
    expect(page.locator("#flash")).to_contain_text("2 deliveries resent.")
    for delivery in sent:
        expect(row(page, delivery)).to_contain_text("delivered")


def test_twelve_new_deliveries_are_announced_and_no_row_moves(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    sent = failures(endpoint, 3)
    live(page, f"/deliveries?endpoint={endpoint.endpoint_id}")
    before = {delivery: top_of(row(page, delivery)) for delivery in sent}
    for _ in range(12):
        endpoint.send()
    announced = page.get_by_role("link", name="12 new")
    expect(announced).to_be_visible()
    assert {delivery: top_of(row(page, delivery)) for delivery in sent} == before
    expect(page.get_by_role("table", name="Deliveries").locator("tbody tr")).to_have_count(3)
    announced.click()
    expect(page.get_by_role("table", name="Deliveries").locator("tbody tr")).to_have_count(15)


def test_a_half_filled_form_survives_a_dead_stream_and_a_restart_and_is_sent_after_it(
    service: Service, receiver: ReceiverProcess, page: Page, watch: Watch
) -> None:
    for words in (*GONE, "EventSource"):
        watch.expect(words)
    endpoint = scripted_endpoint(service, receiver)
    page.add_init_script("delete window.SharedWorker")  # its requests cannot be aborted
    live(page, f"/endpoints/{endpoint.endpoint_id}").locator(f"#hold-{endpoint.endpoint_id} summary").click()
    why, freshness = page.get_by_label("Reason (shown to others)"), page.locator("#freshness")
    why.fill("half typ")
    page.route("**/events?*", lambda route: route.abort())

    port, folder = service.url.rpartition(":")[2], service.output.parent
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    expect(freshness).to_contain_text("stale since", timeout=20_000)
    expect(why).to_have_value("half typ")
    with running_service(folder, port=port) as again:
        expect(freshness).to_have_text("polling every 5 s", timeout=20_000)
        expect(why).to_have_value("half typ")
        page.unroute("**/events?*")
        expect(freshness).to_have_text("live", timeout=30_000)
        why.press("End")
        page.keyboard.type("ed")
        page.locator(f"#hold-{endpoint.endpoint_id} button").click()
        expect(page.locator("#flash")).to_contain_text("is on hold")
        assert again.api.get(f"/circuits/{endpoint.endpoint_id}").json()["hold"]["reason"] == "half typed"
