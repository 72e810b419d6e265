"""Rows keep their place under a pointer and a focus while circuits alternate or are reset."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.scenarios import (
    ScriptedEndpoint,
    audit_actions,
    circuit_of,
    reset_button,
    scripted_endpoint,
)
from tests.processes import ReceiverProcess, Service, eventually

ALTERNATING = {
    "failure_threshold": 1,
    "success_threshold": 2,
    "timeout_seconds": 0.6,
    "timeout_multiplier": 1.0,
    "max_timeout_seconds": 0.6,
    "timeout_jitter": 0.0,
}
RETRIES = {"delays": [0.3] * 50, "jitter": 0}
WATCHED_SECONDS = 12
_WATCH = """([x, y, selector, seconds]) => new Promise(resolve => {
  const seen = new Set()
  const look = () => {
    const at = document.elementFromPoint(x, y)
    const control = at?.closest('summary, button')
    seen.add(`${at?.closest('article')?.id ?? 'none'} ${control?.textContent.trim() ?? 'none'}`)
  }
  const timer = setInterval(look, 20)
  setTimeout(() => { clearInterval(timer); resolve([...seen]) }, seconds * 1000)
})"""


@pytest.fixture(scope="module")
def flapping(service: Service, receiver: ReceiverProcess) -> list[ScriptedEndpoint]:
    """Three endpoints whose circuits alternate between open and half-open."""
    endpoints = [scripted_endpoint(service, receiver, circuit=ALTERNATING, retry=RETRIES) for _ in range(3)]
    for number, endpoint in enumerate(endpoints):
        endpoint.respond_with("status=500")
        for _ in range(4 * number + 4):
            endpoint.send()
    eventually(lambda: all(endpoint.circuit()["state"] != "closed" for endpoint in endpoints))
    return endpoints


def place_of(page: Page, path: str, endpoint: ScriptedEndpoint) -> Locator:
    return page.locator(f"#{'brief' if path == '/' else 'circuit'}-{endpoint.endpoint_id}")


@pytest.mark.parametrize("path", ["/", "/circuits"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_button_under_the_pointer_never_belongs_to_another_endpoint(
    flapping: list[ScriptedEndpoint], page: Page, path: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(path)
    expect(page.locator("#freshness")).to_have_text("live")
    first = place_of(page, path, flapping[0])
    control = first.get_by_text("Reset", exact=True)
    control.scroll_into_view_if_needed()
    control.hover()
    box = control.bounding_box()
    assert box is not None
    point = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    entries = page.evaluate(_WATCH, [*point, "summary", WATCHED_SECONDS])
    assert {entry.split()[0] for entry in entries} == {first.get_attribute("id")}
    assert {entry.partition(" ")[2] for entry in entries} == {"Reset"}


def test_the_focus_stays_while_circuits_alternate(flapping: list[ScriptedEndpoint], page: Page) -> None:
    page.goto("/circuits")
    expect(page.locator("#freshness")).to_have_text("live")
    probe = circuit_of(page, flapping[1]).get_by_role("button", name="Probe now")
    probe.focus()
    for _ in range(40):
        page.wait_for_timeout(100)
        assert probe.evaluate("button => button === document.activeElement")


@pytest.mark.parametrize("path", ["/", "/circuits"])
def test_a_double_click_on_reset_resets_one(
    service: Service, receiver: ReceiverProcess, page: Page, path: str
) -> None:
    endpoints = [scripted_endpoint(service, receiver) for _ in range(3)]
    for endpoint in endpoints:
        endpoint.open_circuit(held=2)
        endpoint.respond_with("status=200")
    page.goto(path)
    expect(page.locator("#freshness")).to_have_text("live")
    place = place_of(page, path, endpoints[0])
    place.locator("summary").filter(has_text="Reset").dblclick()
    page.wait_for_timeout(300)
    assert all("circuit.reset" not in audit_actions(service, e.endpoint_id) for e in endpoints)

    button = reset_button(place)
    box = button.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(x, y)
    page.wait_for_timeout(450)
    page.mouse.click(x, y)
    expect(place).to_contain_text("reset by you")
    expect(place).to_contain_text("Releasing 4 held deliveries")
    page.wait_for_timeout(500)
    resets = [audit_actions(service, e.endpoint_id).count("circuit.reset") for e in endpoints]
    assert resets == [1, 0, 0]


def test_a_list_in_use_withholds_changes_and_says_how_many(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    used = scripted_endpoint(service, receiver)
    used.open_circuit(held=1)
    page.goto("/circuits")
    expect(page.locator("#freshness")).to_have_text("live")
    place = circuit_of(page, used)
    place.locator(".sentence").hover()
    before = [row.get_attribute("id") for row in page.locator("#open-list > article").all()]
    opened = scripted_endpoint(service, receiver)
    opened.open_circuit(held=0)
    changes = page.locator("#open-list-changes")
    expect(changes).to_have_text(re.compile("^[12] changes?, show$"))
    assert [row.get_attribute("id") for row in page.locator("#open-list > article").all()] == before
    changes.click()
    expect(circuit_of(page, opened).locator(".state")).to_have_text("open")

    place.locator(".sentence").hover()
    again = scripted_endpoint(service, receiver)
    again.open_circuit(held=0)
    expect(changes).to_be_visible()
    page.mouse.move(5, 5)
    expect(circuit_of(page, again).locator(".state")).to_have_text("open")
    expect(changes).to_have_count(0)


def test_escape_closes_the_question_and_only_one_is_open(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    down = scripted_endpoint(service, receiver)
    down.open_circuit(held=1)
    page.goto("/circuits")
    place = circuit_of(page, down)
    reset_button(place)
    place.get_by_text("Hold open").first.click()
    expect(place.locator("details[open]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(place.locator("details[open]")).to_have_count(0)
    expect(place.locator(f"#hold-{down.endpoint_id} summary")).to_be_focused()


def test_the_search_key_leads_to_the_focused_search_field(page: Page) -> None:
    page.goto("/replays")
    page.keyboard.press("/")
    expect(page).to_have_url(re.compile("/deliveries#search$"))
    expect(page.get_by_label("Search", exact=True)).to_be_focused()


def test_the_row_keys_walk_the_deliveries_and_not_the_causes_above_them(
    service: Service, receiver: ReceiverProcess, page: Page
) -> None:
    made = scripted_endpoint(service, receiver)
    delivery = made.failed()
    page.goto(f"/deliveries?status=failed&endpoint={made.endpoint_id}")
    expect(page.get_by_role("table", name="Failures by cause")).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator(f"tr#{delivery}")).to_have_class(re.compile(r"\bcurrent\b"))
