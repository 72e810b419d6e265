"""Endpoints are created and changed in forms: problems at their fields, input preserved, secrets shown once."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, Watch, signed_in
from tests.browser.scenarios import scripted_endpoint
from tests.browser.test_resending import without_script
from tests.processes import ReceiverProcess, Service


def test_an_endpoint_is_created_and_its_secret_is_shown_once(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    page.goto("/endpoints")
    page.get_by_role("link", name="New endpoint").click()
    page.get_by_label("URL").fill(f"{receiver.url}/steady")
    page.get_by_label("Name", exact=True).fill("Warehouse")
    page.get_by_label("Event types").fill("order.created\norder.shipped")
    page.get_by_label("Delays").fill("1s 5m 2h")
    page.get_by_label("Custom headers").fill("X-Environment: production\nX-Auth-Key: hunter2")
    page.get_by_label("Public headers").fill("X-Environment")
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.locator("#secret")).to_contain_text("whsec_")
    secret = page.locator("#secret").inner_text()

    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Warehouse")
    expect(page.get_by_role("main")).to_contain_text("1 s, 5 min, 2 h")
    assert secret not in page.content()
    endpoint = service.api.get(f"/endpoints/{page.url.rpartition('/')[2]}").json()
    assert endpoint["event_types"] == ["order.created", "order.shipped"]
    assert endpoint["retry"]["delays"] == [1.0, 300.0, 7200.0]
    assert endpoint["headers"] == {"X-Environment": "production", "X-Auth-Key": "•••"}


@pytest.mark.parametrize("scripts", [True, False])
def test_each_problem_is_shown_at_its_field_and_the_input_is_preserved(
    page: Page, new_context: NewContext, administrator: str, watch: Watch, scripts: bool
) -> None:
    watch.expect("422")
    form = page if scripts else without_script(new_context, administrator)
    form.goto("/endpoints/new")
    form.get_by_label("URL").fill("http://10.0.0.1/hooks")
    form.get_by_label("Name", exact=True).fill("Kept as it was typed")
    form.get_by_label("Timeout (s)").fill("soon")
    form.get_by_label("Consecutive failures to open").fill("0")
    form.get_by_role("button", name="Create endpoint").click()
    expect(form.get_by_role("alert")).to_contain_text("Not saved. Fix the 3 highlighted fields.")
    expect(form.get_by_label("URL")).to_have_attribute("aria-invalid", "true")
    expect(form.locator("[id='timeout_seconds-about']")).to_contain_text("number")
    expect(form.locator("[id='circuit.failure_threshold-about']")).to_contain_text("1")
    expect(form.get_by_label("Name", exact=True)).to_have_value("Kept as it was typed")
    expect(form.get_by_label("Timeout (s)")).to_have_value("soon")


def test_an_invalid_retry_schedule_names_the_invalid_word(page: Page, watch: Watch) -> None:
    watch.expect("422")
    page.goto("/endpoints/new")
    page.get_by_label("Delays").fill("1s soon 5m")
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.locator("[id='retry.delays-about']")).to_contain_text('"soon" isn\'t a duration')


def test_a_form_sent_after_the_session_ended_is_preserved_and_sent_after_signing_in(
    service: Service, receiver: ReceiverProcess, page: Page, administrator: str, watch: Watch
) -> None:
    watch.expect("401")
    watch.expect("net::ERR_FAILED")
    page.goto("/endpoints/new")
    page.get_by_label("URL").fill(f"{receiver.url}/steady")
    page.get_by_label("Name", exact=True).fill("Typed with care")
    make = page.get_by_role("button", name="Create endpoint")
    page.context.clear_cookies()
    make.click()
    expect(page.locator("#flash")).to_contain_text("Not done: Create endpoint. You are signed out.")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Typed with care")

    signed_in(page.context, administrator)  # in another tab
    page.route("**/endpoints", lambda route: route.abort())
    make.click()
    expect(page.locator("#flash")).to_contain_text(
        "Not confirmed: Create endpoint. Breakwater is unreachable."
    )
    page.unroute("**/endpoints")
    make.click()
    expect(page.locator("#secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Typed with care")


@pytest.mark.parametrize("scripts", [True, False])
def test_an_endpoint_deleted_during_editing_can_be_created_again_from_the_form(
    receiver: ReceiverProcess,
    service: Service,
    page: Page,
    new_context: NewContext,
    *,
    scripts: bool,
    watch: Watch,
) -> None:
    watch.expect("409")
    endpoint = scripted_endpoint(service, receiver)
    form = page if scripts else without_script(new_context, "admin")
    form.goto(f"/endpoints/{endpoint.endpoint_id}/edit")
    form.get_by_label("Description").fill("Second floor")
    form.get_by_label("Delays").fill("1s 5m")
    assert service.api.delete(f"/endpoints/{endpoint.endpoint_id}").status_code == 200
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text(f"Not saved: {endpoint.name} was deleted")
    expect(form.get_by_label("Description")).to_have_value("Second floor")

    form.get_by_role("button", name="Create endpoint").click()
    form.get_by_role("link", name="Done").click()
    expect(form.get_by_role("heading", level=1)).to_have_text(endpoint.name)
    expect(form.get_by_role("main")).to_contain_text("Second floor")
    expect(form.get_by_role("main")).to_contain_text("1 s, 5 min")


def test_saving_changes_only_the_edited_fields(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    before = service.api.get(f"/endpoints/{endpoint.endpoint_id}").json()
    page.goto(f"/endpoints/{endpoint.endpoint_id}")
    page.get_by_role("link", name="Edit").first.click()
    page.get_by_label("Description").fill("Second floor")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash")).to_contain_text("Saved")
    after = service.api.get(f"/endpoints/{endpoint.endpoint_id}").json()
    assert {key for key in after if after[key] != before[key]} == {"description", "updated_at"}


def test_an_endpoint_is_tested_paused_and_resumed(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    endpoint.respond_with("status=200")
    page.goto(f"/endpoints/{endpoint.endpoint_id}")
    page.get_by_role("button", name="Send test").click()
    tested = page.get_by_role("row").filter(has_text="breakwater.test")
    expect(tested).to_contain_text("delivered")

    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".head .state")).to_have_text("paused")
    waiting = endpoint.send()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".head .state")).to_have_text("enabled")
    service.delivery_once(waiting, "delivered")


def test_a_rotated_secret_is_shown_once_and_the_old_one_stays_valid_for_a_day(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    endpoint = scripted_endpoint(service, receiver)
    page.goto(f"/endpoints/{endpoint.endpoint_id}")
    page.locator("#rotate summary").click()
    page.get_by_role("button", name="Rotate secret").click()
    expect(page.locator("#secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("main")).to_contain_text("the old secret is valid for another")


def test_a_deleted_endpoint_keeps_its_history(
    service: Service, receiver: ReceiverProcess, page: Page, watch: Watch
) -> None:
    watch.expect("404")  # the live page may hear of it before the browser has left
    endpoint = scripted_endpoint(service, receiver)
    delivery = endpoint.failed()
    page.goto(f"/endpoints/{endpoint.endpoint_id}")
    deletion = page.locator("#delete")
    deletion.get_by_text("Delete", exact=True).click()
    deletion.get_by_label("Reason").fill("no longer used")
    page.get_by_role("button", name="Delete endpoint").click()
    expect(page).to_have_url(re.compile("/endpoints$"))
    expect(page.locator("#flash")).to_contain_text(f"{endpoint.name} deleted.")
    expect(page.locator(f"tr#{endpoint.endpoint_id}")).to_have_count(0)
    page.goto(f"/deliveries/{delivery}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failed")
