"""The three daily jobs from the page Now take at most two actions: by mouse, by keyboard, and without scripts.

A bulk resend takes three, and its confirmation.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewContext, signed_in
from tests.browser.interactions import Keyboard, Mouse, Person
from tests.browser.scenarios import ScriptedEndpoint, audit_actions, row, scripted_endpoint
from tests.browser.test_resending import without_script
from tests.processes import ReceiverProcess, Service, eventually

MOUSE, KEYBOARD, NO_SCRIPT = "by mouse", "by keyboard", "without scripts"
STEADY = {"failure_threshold": 1000, "minimum_calls": 10_000}
"""A circuit that stays closed."""


@pytest.fixture(params=[MOUSE, KEYBOARD, NO_SCRIPT])
def person(request: pytest.FixtureRequest, new_context: NewContext, administrator: str) -> Person:
    """A person on the page Now."""
    if request.param == NO_SCRIPT:
        return on_now(Mouse(without_script(new_context, administrator)))
    page = signed_in(new_context(), administrator)
    return on_now(Mouse(page) if request.param == MOUSE else Keyboard(page))


@pytest.fixture
def keys(new_context: NewContext, administrator: str) -> Keyboard:
    """A person on the page Now who uses shortcuts."""
    keyboard = Keyboard(signed_in(new_context(), administrator))
    on_now(keyboard)
    return keyboard


def on_now(person: Person) -> Person:
    person.page.goto("/")
    return person


def to_failures(person: Person) -> None:
    """Go from the page Now to the failed deliveries."""
    person.activate(person.page.locator(".figures").get_by_role("link").last)
    expect(person.page).to_have_url(re.compile(r"/deliveries\?status=failed$"))


def refusing(
    service: Service, receiver: ReceiverProcess, status: int, count: int
) -> tuple[ScriptedEndpoint, list[str]]:
    """Return an endpoint with `count` deliveries that failed with `status`; it responds 200 from now on."""
    endpoint = scripted_endpoint(service, receiver, circuit=STEADY)
    endpoint.respond_with(f"status={status}")
    sent = [endpoint.send() for _ in range(count)]
    for delivery in sent:
        service.delivery_once(delivery, "failed")
    endpoint.respond_with("status=200")
    return endpoint, sent


def test_a_failed_webhook_is_found_and_resent(
    service: Service, receiver: ReceiverProcess, person: Person
) -> None:
    _, (delivery,) = refusing(service, receiver, 422, 1)
    to_failures(person)
    expect(row(person.page, delivery)).to_contain_text("422")
    person.activate(row(person.page, delivery).get_by_role("button", name="Resend"))
    expect(person.page.locator("#flash")).to_contain_text("Resending: attempt")
    assert person.action_count == 2
    service.delivery_once(delivery, "delivered")
    assert audit_actions(service, delivery) == ["delivery.resend"]


def test_an_open_circuit_is_explained_and_reset(
    service: Service, receiver: ReceiverProcess, person: Person
) -> None:
    down = scripted_endpoint(service, receiver)
    held = down.open_circuit(held=2)[down.threshold :]
    person.page.reload()
    expect(person.page.get_by_role("heading", level=1)).to_contain_text(down.name)
    brief = person.page.locator(f"#brief-{down.endpoint_id}")
    expect(brief).to_contain_text("open")
    person.activate(brief.locator("summary"))
    for text in ("500 Internal", "Closes the circuit and releases 4", "Next probe", "Probe first", "Waiting"):
        expect(brief).to_contain_text(text, ignore_case=True)
    down.respond_with("status=200")
    person.activate(brief.get_by_role("button", name="Reset"))
    expect(person.page.locator("#flash")).to_contain_text("reset.")
    assert person.action_count == 2
    for delivery in held:
        service.delivery_once(delivery, "delivered")
    assert audit_actions(service, down.endpoint_id)[0] == "circuit.reset"


def test_the_history_leads_to_the_request_and_the_response_of_an_attempt(
    service: Service, receiver: ReceiverProcess, person: Person
) -> None:
    endpoint, (delivery,) = refusing(service, receiver, 404, 1)
    person.activate(
        person.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Deliveries")
    )
    person.activate(row(person.page, delivery).get_by_role("link", name=f"{endpoint.name}.sent"))
    expect(person.page.get_by_role("heading", level=1)).to_contain_text("Failed")
    expect(person.page.locator("#why")).to_contain_text("404")
    for text in ("404", "webhook-id", "webhook-signature"):
        expect(person.page.locator("#attempt-1")).to_contain_text(text)
    expect(person.page.locator("#payload")).to_contain_text(endpoint.name)
    assert person.action_count == 2


def test_all_failures_of_one_cause_are_resent_after_a_confirmation(
    service: Service, receiver: ReceiverProcess, person: Person
) -> None:
    _, sent = refusing(service, receiver, 451, 3)
    to_failures(person)
    cause = (
        person.page.get_by_role("table", name="Failures by cause").get_by_role("row").filter(has_text="451")
    )
    person.activate(cause.get_by_role("link", name=re.compile("^Resend all with this cause")))
    expect(person.page.get_by_role("heading", name="3 deliveries would be resent")).to_be_visible()
    person.activate(person.page.get_by_role("button", name="Resend 3 deliveries"))
    assert person.action_count == 3
    expect(person.page.get_by_role("heading", name="Resend 3 deliveries?")).to_be_visible()
    person.activate(person.page.get_by_role("button", name="Resend 3", exact=True))
    expect(person.page).to_have_url(re.compile("/replays/rpl_"))
    assert person.action_count == 4
    for delivery in sent:
        service.delivery_once(delivery, "delivered")
    eventually(lambda: no_replay_runs(service))  # the next test starts one with the same filter


def no_replay_runs(service: Service) -> bool:
    return all(replay["state"] == "finished" for replay in service.api.get("/replays").json()["items"])


def test_keyboard_shortcuts_find_and_resend_a_failed_delivery(
    service: Service, receiver: ReceiverProcess, keys: Keyboard
) -> None:
    _, (delivery,) = refusing(service, receiver, 422, 1)
    keys.act("g", "d")
    expect(row(keys.page, delivery)).to_be_visible()
    keys.move("j")
    expect(row(keys.page, delivery)).to_have_class(re.compile(r"\bcurrent\b"))
    keys.act("r")
    expect(row(keys.page, delivery)).to_contain_text("delivered")
    assert keys.action_count == 2


def test_keyboard_shortcuts_browse_the_history(
    service: Service, receiver: ReceiverProcess, keys: Keyboard
) -> None:
    _, (_, delivery) = refusing(service, receiver, 404, 2)
    keys.act("g", "d")
    expect(row(keys.page, delivery)).to_be_visible()
    for key in ("j", "j", "k"):
        keys.move(key)
    keys.act("Enter")
    expect(keys.page).to_have_url(f"{service.url}/deliveries/{delivery}")
    assert keys.action_count == 2
