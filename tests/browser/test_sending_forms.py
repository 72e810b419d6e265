"""Forms are sent once, and every failure names the action and its reason and keeps the page."""

import re
import signal

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.all_pages import end_session
from tests.browser.conftest import NewContext, Watch, signed_in
from tests.browser.scenarios import circuit_of, row, scripted_endpoint
from tests.browser.test_freshness import GONE
from tests.browser.test_resending import without_script
from tests.browser.test_two_browsers import live
from tests.processes import ReceiverProcess, Service, running_service

_AFTER_DOUBLE_CLICK = "{ const now = Date.now; Date.now = () => now() + 2000 }"


def names(service: Service) -> list[str]:
    return [item["name"] for item in service.api.get("/endpoints").json()["items"]]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_double_click_creates_one_endpoint_and_a_reload_none(
    service: Service,
    receiver: ReceiverProcess,
    page: Page,
    new_context: NewContext,
    administrator: str,
    *,
    scripts: bool,
) -> None:
    form = page if scripts else without_script(new_context, administrator)
    name = f"Twice {scripts}"
    form.goto("/endpoints/new")
    form.get_by_label("URL").fill(f"{receiver.url}/steady")
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_role("button", name="Create endpoint").dblclick()
    expect(form.locator("#secret")).to_contain_text("whsec_")
    form.reload()
    expect(form.locator("#secret")).to_contain_text("whsec_")
    assert names(service).count(name) == 1


@pytest.mark.parametrize("scripts", [True, False])
def test_a_double_click_creates_one_key_whose_secret_is_shown(
    service: Service, page: Page, new_context: NewContext, administrator: str, *, scripts: bool
) -> None:
    form = page if scripts else without_script(new_context, administrator)
    name = f"key twice {scripts}"
    form.goto("/settings")
    form.get_by_label("New key").fill(name)
    form.get_by_role("button", name="Create key").dblclick()
    expect(form.locator("#token")).to_contain_text("bw_")
    form.reload()
    keys = service.api.get("/keys").json()["items"]
    assert [key["name"] for key in keys].count(name) == 1
    form.go_back()
    expect(form.get_by_role("heading", level=1)).to_have_text("Settings")


def test_a_double_click_on_send_test_sends_one(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    endpoint.respond_with("status=200")
    page.goto(f"/endpoints/{endpoint.endpoint_id}")
    page.get_by_role("button", name="Send test").dblclick(delay=80)
    expect(page.locator("#flash")).to_contain_text("Test sent.")
    sent = service.api.get("/deliveries", params={"endpoint": endpoint.endpoint_id}).json()["items"]
    assert len(sent) == 1


def test_an_action_that_is_repeated_after_its_result_is_carried_out_again(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    delivery = endpoint.failed()
    live(page, f"/deliveries?endpoint={endpoint.endpoint_id}")
    flash = page.locator("#flash")
    for count in (1, 2):
        row(page, delivery).locator("input[data-select]").check()
        page.get_by_role("button", name="Resend selected").click()
        expect(flash).to_contain_text("resent")
        flash.locator(".notice").click()
        assert service.delivery_once(delivery, "failed")["attempt_count"] == count + 1
        page.evaluate(_AFTER_DOUBLE_CLICK)


def test_an_action_whose_response_was_lost_is_carried_out_once_when_it_is_sent_again(
    service: Service, receiver: ReceiverProcess, page: Page, watch: Watch
) -> None:
    watch.expect("ERR_FAILED")
    watch.expect("htmx:")
    endpoint = scripted_endpoint(service, receiver)
    endpoint.respond_with("status=200")
    live(page, f"/endpoints/{endpoint.endpoint_id}")
    send, flash = page.get_by_role("button", name="Send test"), page.locator("#flash")

    def lose_response(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/ping", lose_response)
    send.click()
    expect(flash).to_contain_text(f"Not confirmed: Send test {endpoint.name}.")
    rendered_at = page.locator("#rendered-at").get_attribute("data-at") or ""
    page.evaluate("htmx.trigger(document.body, 'refresh')")
    expect(page.locator("#rendered-at")).not_to_have_attribute("data-at", rendered_at)
    page.unroute("**/ping")
    send.click()
    expect(flash).to_contain_text("Test sent.")
    assert len(service.api.get("/deliveries", params={"endpoint": endpoint.endpoint_id}).json()["items"]) == 1


def test_a_selection_whose_resend_failed_is_named_as_its_button(
    service: Service, receiver: ReceiverProcess, page: Page, watch: Watch
) -> None:
    watch.expect("ERR_FAILED")
    watch.expect("htmx:")
    endpoint = scripted_endpoint(service, receiver)
    delivery = endpoint.failed()
    page.goto(f"/deliveries?endpoint={endpoint.endpoint_id}")
    page.route("**/deliveries/resend", lambda route: route.abort())
    row(page, delivery).locator("input[data-select]").check()
    page.get_by_role("button", name="Resend selected").click()
    expect(page.locator("#flash")).to_contain_text("Not confirmed: Resend selected.")


def test_a_form_that_was_refused_keeps_its_address_and_can_be_reloaded(page: Page, watch: Watch) -> None:
    watch.expect("422")
    page.goto("/endpoints/new")
    page.get_by_label("URL").fill("not a url")
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("URL")).to_be_focused()
    expect(page).to_have_url(re.compile("/endpoints/new$"))
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("New endpoint")


def test_each_action_says_that_the_session_has_ended(
    service: Service, receiver: ReceiverProcess, page: Page, watch: Watch
) -> None:
    for words in (*GONE, "401", "EventSource"):
        watch.expect(words)
    down = scripted_endpoint(service, receiver)
    delivery = down.failed()
    down.open_circuit(held=1)
    flash = page.locator("#flash")
    page.goto(f"/deliveries?endpoint={down.endpoint_id}&status=failed")
    end_session(page)
    row(page, delivery).get_by_role("button", name="Resend").click()
    expect(flash).to_contain_text(f"Not done: Resend {down.name}.sent to {down.name}. You are signed out.")
    signed_in(page.context, "admin")

    page.goto(f"/endpoints/{down.endpoint_id}")
    end_session(page)
    for button, label in (
        ("Send test", f"Send test {down.name}"),
        ("Pause", f"Pause {down.name}"),
    ):
        page.get_by_role("button", name=button).click()
        expect(flash).to_contain_text(f"Not done: {label}. You are signed out.")
    page.locator(f"#hold-{down.endpoint_id} summary").click()
    page.get_by_label("Reason (shown to others)").fill("typed")
    page.locator(f"#hold-{down.endpoint_id} button").click()
    expect(flash).to_contain_text(f"Not done: Hold {down.name}. You are signed out.")
    expect(page.get_by_label("Reason (shown to others)")).to_have_value("typed")

    signed_in(page.context, "admin")  # in another tab
    page.locator(f"#hold-{down.endpoint_id} button").click()
    expect(flash).to_contain_text("is on hold")
    expect(page.locator("#freshness")).to_have_text("live")


def test_an_action_that_is_refused_names_its_object(
    service: Service, receiver: ReceiverProcess, page: Page, watch: Watch
) -> None:
    watch.expect("409|503|500")
    endpoint = scripted_endpoint(service, receiver)
    page.goto(f"/endpoints/{endpoint.endpoint_id}")
    page.route("**/events?*", lambda route: route.abort())
    pause = page.get_by_role("button", name="Pause")
    page.route("**/pause", lambda route: route.fulfill(status=503, body="<p class='notice'>No database.</p>"))
    pause.click()
    expect(page.locator("#flash")).to_contain_text(f"Not done: Pause {endpoint.name}. No database.")
    page.unroute("**/pause")
    page.route("**/pause", lambda route: route.fulfill(status=500, body=""))
    pause.click()
    expect(page.locator("#flash")).to_contain_text(
        f"Pause {endpoint.name}. Breakwater responded with status 500."
    )
    page.unroute("**/pause")
    page.route("**/pause", lambda route: route.abort())
    watch.expect("ERR_FAILED")
    watch.expect("htmx:")
    pause.click()
    expect(page.locator("#flash")).to_contain_text(
        f"Not confirmed: Pause {endpoint.name}. Breakwater is unreachable."
    )
    page.unroute("**/pause")
    pause.click()
    expect(page.locator("#flash")).to_contain_text(f"{endpoint.name} paused.")


def test_a_server_that_is_gone_is_said_by_each_action(
    service: Service, receiver: ReceiverProcess, page: Page, watch: Watch
) -> None:
    for words in (*GONE, "EventSource"):
        watch.expect(words)
    down = scripted_endpoint(service, receiver)
    delivery = down.failed()
    down.open_circuit(held=1)
    other = page.context.new_page()
    page.goto("/circuits")
    other.goto(f"/deliveries/{delivery}")
    port, folder = service.url.rpartition(":")[2], service.output.parent
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    circuit_of(page, down).get_by_role("button", name="Probe now").click()
    expect(page.locator("#flash")).to_contain_text(f"Not confirmed: Probe now {down.name}.")
    other.get_by_role("button", name="Resend").click()
    expect(other.locator("#flash")).to_contain_text("Breakwater is unreachable. Try again in a moment.")
    with running_service(folder, port=port):
        expect(page.locator("#freshness")).to_have_text("live", timeout=30_000)
