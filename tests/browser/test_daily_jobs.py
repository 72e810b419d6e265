"""The three daily jobs from Now, in two activations at most: by mouse, by keyboard alone, and without scripts.

A bulk resend takes three, and its confirmation.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewContext, signed_in
from tests.browser.interactions import Hand, Keyboard, Mouse
from tests.browser.scenarios import Scene, audit_actions, circuit_of, row, scene
from tests.browser.test_resending import without_script
from tests.processes import ReceiverProcess, Service, eventually

MOUSE, KEYBOARD, NO_SCRIPT = "by mouse", "by keyboard", "without scripts"
STEADY = {"failure_threshold": 1000, "minimum_calls": 10_000}
"""A circuit that stays closed."""


@pytest.fixture(params=[MOUSE, KEYBOARD, NO_SCRIPT])
def hand(request: pytest.FixtureRequest, new_context: NewContext, administrator: str) -> Hand:
    """A person on Now."""
    if request.param == NO_SCRIPT:
        return on_now(Mouse(without_script(new_context, administrator)))
    page = signed_in(new_context(), administrator)
    return on_now(Mouse(page) if request.param == MOUSE else Keyboard(page))


@pytest.fixture
def keys(new_context: NewContext, administrator: str) -> Keyboard:
    """Somebody on Now who knows the shortcuts."""
    keyboard = Keyboard(signed_in(new_context(), administrator))
    on_now(keyboard)
    return keyboard


def on_now(hand: Hand) -> Hand:
    hand.page.goto("/")
    return hand


def to_failures(hand: Hand) -> None:
    """Go from Now to what has failed."""
    hand.activate(hand.page.locator(".figures").get_by_role("link").last)
    expect(hand.page).to_have_url(re.compile(r"/deliveries\?status=failed$"))


def refusing(service: Service, receiver: ReceiverProcess, status: int, count: int) -> tuple[Scene, list[str]]:
    """Return an endpoint at which so many deliveries failed with `status`; it answers well from now on."""
    made = scene(service, receiver, circuit=STEADY)
    made.answers(f"status={status}")
    sent = [made.send() for _ in range(count)]
    for delivery in sent:
        service.delivery_once(delivery, "failed")
    made.answers("status=200")
    return made, sent


def test_a_failed_webhook_is_found_and_resent(
    service: Service, receiver: ReceiverProcess, hand: Hand
) -> None:
    _, (delivery,) = refusing(service, receiver, 422, 1)
    to_failures(hand)
    expect(row(hand.page, delivery)).to_contain_text("422")
    hand.activate(row(hand.page, delivery).get_by_role("button", name="Resend"))
    expect(hand.page.locator("#flash")).to_contain_text("Resending: attempt")
    assert hand.done == 2
    service.delivery_once(delivery, "delivered")
    assert audit_actions(service, delivery) == ["delivery.resend"]


def test_an_open_breaker_is_understood_and_reset(
    service: Service, receiver: ReceiverProcess, hand: Hand
) -> None:
    down = scene(service, receiver)
    held = down.open_circuit(held=2)[down.threshold :]
    hand.page.reload()
    expect(hand.page.get_by_role("heading", level=1)).to_contain_text(down.name)
    brief = hand.page.locator(f"#brief-{down.endpoint_id}")
    expect(brief).to_contain_text("open")
    hand.activate(hand.page.get_by_role("link", name="All circuits"))
    circuit = circuit_of(hand.page, down)
    for told in ("Last error: 500", "(threshold 2)", "Next probe", "Probe now", "closes the circuit"):
        expect(circuit).to_contain_text(told, ignore_case=True)
    down.answers("status=200")
    hand.activate(circuit.get_by_role("button", name="Reset"))
    expect(hand.page.locator("#flash")).to_contain_text("reset.")
    assert hand.done == 2
    for delivery in held:
        service.delivery_once(delivery, "delivered")
    assert audit_actions(service, down.endpoint_id)[0] == "circuit.reset"


def test_the_history_is_browsed_down_to_what_was_sent_and_answered(
    service: Service, receiver: ReceiverProcess, hand: Hand
) -> None:
    made, (delivery,) = refusing(service, receiver, 404, 1)
    hand.activate(hand.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Deliveries"))
    hand.activate(row(hand.page, delivery).get_by_role("link", name=f"{made.name}.sent"))
    expect(hand.page.get_by_role("heading", level=1)).to_contain_text("Failed")
    expect(hand.page.locator("#why")).to_contain_text("404")
    for told in ("404", "webhook-id", "webhook-signature"):
        expect(hand.page.locator("#attempt-1")).to_contain_text(told)
    expect(hand.page.locator("#payload")).to_contain_text(made.name)
    assert hand.done == 2


def test_all_that_failed_for_one_cause_are_resent_after_a_confirmation(
    service: Service, receiver: ReceiverProcess, hand: Hand
) -> None:
    _, sent = refusing(service, receiver, 451, 3)
    to_failures(hand)
    cause = hand.page.get_by_role("table", name="Failures by cause").get_by_role("row").filter(has_text="451")
    hand.activate(cause.get_by_role("link", name=re.compile("^Resend all with this cause")))
    expect(hand.page.get_by_role("heading", name="3 deliveries would be resent")).to_be_visible()
    hand.activate(hand.page.get_by_role("button", name="Resend 3 deliveries"))
    assert hand.done == 3
    expect(hand.page.get_by_role("heading", name="Resend 3 deliveries?")).to_be_visible()
    hand.activate(hand.page.get_by_role("button", name="Resend 3", exact=True))
    expect(hand.page).to_have_url(re.compile("/replays/rpl_"))
    assert hand.done == 4
    for delivery in sent:
        service.delivery_once(delivery, "delivered")
    eventually(lambda: no_replay_runs(service))  # the next test starts one with the same filter


def no_replay_runs(service: Service) -> bool:
    return all(replay["state"] == "finished" for replay in service.api.get("/replays").json()["items"])


def test_shortcuts_find_and_resend_what_failed(
    service: Service, receiver: ReceiverProcess, keys: Keyboard
) -> None:
    _, (delivery,) = refusing(service, receiver, 422, 1)
    keys.act("g", "d")
    expect(row(keys.page, delivery)).to_be_visible()
    keys.move("j")
    expect(row(keys.page, delivery)).to_have_class(re.compile(r"\bcurrent\b"))
    keys.act("r")
    expect(row(keys.page, delivery)).to_contain_text("delivered")
    assert keys.done == 2


def test_shortcuts_browse_the_history(service: Service, receiver: ReceiverProcess, keys: Keyboard) -> None:
    _, (_, delivery) = refusing(service, receiver, 404, 2)
    keys.act("g", "d")
    expect(row(keys.page, delivery)).to_be_visible()
    for key in ("j", "j", "k"):
        keys.move(key)
    keys.act("Enter")
    expect(keys.page).to_have_url(f"{service.url}/deliveries/{delivery}")
    assert keys.done == 2
