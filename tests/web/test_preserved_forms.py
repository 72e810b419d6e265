"""A form that is sent without scripts after its session has ended: nothing is done, and nothing typed is lost."""

import html
import re

import httpx
import pytest

from tests.web.hostile_markup import hostile_markup
from tests.web.running_app import ORIGIN, OURS, PASSWORD, RunningApp
from tests.web.test_every_route import form_token

SECRET = "whsec_" + "c2VjcmV0" * 4
TYPED = {
    "url": "https://hooks.example/in?a=1&b=2",
    "name": 'Größe "<b>bold</b>"',
    "event_types": "order.created\r\norder.shipped",  # as browsers send the lines of a field
    "description": "",
    "signature": "standard",
}
HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


def hidden_in(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of a page."""
    return {html.unescape(name): html.unescape(value) for name, value in HIDDEN.findall(page.text)}


async def signed_out(service: RunningApp, role: str = "admin") -> tuple[httpx.AsyncClient, str]:
    """Return a browser whose session has ended, and the CSRF token of the form that it still shows."""
    browser = await service.browser(role, "ada")
    token = await form_token(browser)
    (ada,) = [person for person in await service.runtime.access.people.all() if person.name == "ada"]
    await service.runtime.access.sessions.end_all(ada.id)
    return browser, token


async def sent_too_late(service: RunningApp, **fields: str) -> tuple[httpx.AsyncClient, httpx.Response]:
    browser, token = await signed_out(service)
    form = {"_csrf": token, **TYPED, **fields}
    late = await browser.post("/endpoints", data=form, headers={"Referer": f"{ORIGIN}/endpoints/new"})
    return browser, late


async def signs_in(
    browser: httpx.AsyncClient, page: httpx.Response, password: str = PASSWORD
) -> httpx.Response:
    return await browser.post("/sign-in", data={**hidden_in(page), "name": "ada", "password": password})


async def test_what_was_typed_goes_through_the_signing_in_and_is_sent_when_its_sender_wants(
    service: RunningApp,
) -> None:
    browser, late = await sent_too_late(service)
    assert late.status_code == 401
    assert "You are signed out. Nothing has been changed." in late.text
    assert "order.created\norder.shipped" in html.unescape(late.text)
    assert (await service.get("/endpoints"))["items"] == []

    shown = await signs_in(browser, late)
    assert shown.status_code == 200
    assert "You are signed in as ada." in shown.text
    assert '<form method="post" action="/endpoints">' in shown.text
    assert '<a class="button" href="/endpoints/new">Discard</a>' in shown.text
    assert (await service.get("/endpoints"))["items"] == []  # it is not sent yet

    form = hidden_in(shown)
    assert {name: form[name] for name in TYPED} == TYPED | {"event_types": "order.created\norder.shipped"}
    created = await browser.post("/endpoints", data=form)
    assert 'id="secret"' in (await browser.get(created.headers["location"])).text
    (endpoint,) = (await service.get("/endpoints"))["items"]
    assert endpoint["name"] == TYPED["name"]
    assert endpoint["event_types"] == ["order.created", "order.shipped"]


async def test_a_wrong_password_loses_nothing_either(service: RunningApp) -> None:
    browser, late = await sent_too_late(service)
    again = await signs_in(browser, late, "not the password")
    assert again.status_code == 401
    kept = {"preserved", "preserved_path", "next"}
    assert {name: hidden_in(again)[name] for name in kept} == {name: hidden_in(late)[name] for name in kept}
    assert hidden_in(await signs_in(browser, again))["name"] == TYPED["name"]


async def test_neither_a_secret_nor_a_token_is_given_back(service: RunningApp) -> None:
    browser, late = await sent_too_late(service, secret=SECRET)
    shown = await signs_in(browser, late)
    for page in (late, shown):
        assert SECRET not in html.unescape(page.text)
        assert "secret, not kept" in page.text
    assert hidden_in(late).keys() == {"preserved", "preserved_path", "next"}
    assert "_csrf" not in hidden_in(late)["preserved"]
    assert re.search(
        r'<input id="missing-secret" name="secret" type="password" autocomplete="off" required>', shown.text
    )
    await browser.post("/endpoints", data=hidden_in(shown) | {"secret": SECRET})
    assert len((await service.get("/endpoints"))["items"]) == 1


async def test_the_token_of_the_preserved_form_is_that_of_the_new_session(service: RunningApp) -> None:
    browser, late = await sent_too_late(service)
    shown = await signs_in(browser, late)
    assert hidden_in(shown)["_csrf"] == await form_token(browser)


async def test_what_several_checkboxes_said_goes_along(service: RunningApp) -> None:
    browser, token = await signed_out(service)
    late = await browser.post(
        "/settings/keys", data={"_csrf": token, "name": "ci", "scopes": ["send", "read"]}
    )
    shown = await signs_in(browser, late)
    fields = [(name, html.unescape(value)) for name, value in HIDDEN.findall(shown.text)]
    assert [value for name, value in fields if name == "scopes"] == ["send", "read"]


async def test_a_form_without_a_word_of_its_own_is_told_and_leads_back(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    browser, token = await signed_out(service)
    page = f"/endpoints/{endpoint}"
    late = await browser.post(f"{page}/pause", data={"_csrf": token}, headers={"Referer": ORIGIN + page})
    assert late.status_code == 401
    assert "Nothing has been changed" in late.text
    assert hidden_in(late) == {"next": page}
    assert (await signs_in(browser, late)).headers["location"] == page


async def test_an_action_that_was_kept_leads_to_its_page_when_it_is_done(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    browser, token = await signed_out(service)
    page = f"/endpoints/{endpoint}"
    late = await browser.post(f"{page}/pause", data={"_csrf": token, "reason": "moving"})
    shown = await signs_in(browser, late)
    done = await browser.post(
        f"{page}/pause", data=hidden_in(shown), headers={"Referer": f"{ORIGIN}/sign-in"}
    )
    assert (done.status_code, done.headers["location"]) == (303, page)
    assert (await service.get(f"/endpoints/{endpoint}"))["state"] == "paused"


async def test_a_form_of_an_earlier_session_is_shown_again_in_the_present_one(service: RunningApp) -> None:
    browser, token = await signed_out(service)
    await browser.post("/sign-in", data={"name": "ada", "password": PASSWORD})  # in another tab
    late = await browser.post("/endpoints", data={"_csrf": token, **TYPED})
    assert late.status_code == 403
    assert "The session of this form has ended." in late.text
    assert (await service.get("/endpoints"))["items"] == []
    await browser.post("/endpoints", data=hidden_in(late))
    assert len((await service.get("/endpoints"))["items"]) == 1


async def test_signing_out_after_the_session_has_ended_is_no_loss(service: RunningApp) -> None:
    browser, token = await signed_out(service)
    out = await browser.post("/sign-out", data={"_csrf": token})
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in?next=%2F")


ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {},
)


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_what_another_site_sent_is_neither_kept_nor_shown(
    service: RunningApp, headers: dict[str, str]
) -> None:
    browser = await service.browser("admin", "ada")
    cookie = {"Cookie": f"breakwater={browser.cookies['breakwater']}"}
    for carried in (headers, headers | cookie):
        response = await service.anonymous.post("/endpoints", data={"_csrf": "x", **TYPED}, headers=carried)
        assert response.status_code in {401, 403}
        assert "hooks.example" not in response.text
        assert "preserved" not in hidden_in(response)


async def test_a_change_without_any_token_is_refused_and_not_offered_again(service: RunningApp) -> None:
    browser = await service.browser("admin", "ada")
    refused = await browser.post("/endpoints", data=TYPED)
    assert refused.status_code == 403
    assert "hooks.example" not in refused.text


async def test_a_part_of_a_page_keeps_its_form_itself(service: RunningApp) -> None:
    browser, token = await signed_out(service)
    late = await browser.post("/endpoints", data={"_csrf": token, **TYPED}, headers={"HX-Request": "true"})
    assert late.status_code == 401
    assert "hooks.example" not in late.text


@pytest.mark.parametrize(
    "preserved_path",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", ""],
)
async def test_a_preserved_form_leads_nowhere_else(service: RunningApp, preserved_path: str) -> None:
    browser, _ = await signed_out(service)
    fields = {"name": "ada", "password": PASSWORD, "preserved": "a=b", "preserved_path": preserved_path}
    response = await browser.post("/sign-in", data=fields)
    assert (response.status_code, response.headers["location"]) == (303, "/")


async def test_hostile_text_is_harmless_in_what_was_kept(service: RunningApp) -> None:
    hostile = "\"><script>alert(1)</script>\u202e\x1b[2J' onfocus='alert(1)"
    browser, late = await sent_too_late(service, name=hostile, headers=hostile)
    shown = await signs_in(browser, late)
    for page in (late, shown):
        assert hostile_markup(page.text) == []
    assert hidden_in(shown)["name"] == hostile


@pytest.mark.parametrize(
    "body", [b"a=%ff", b"a=%00", b"&" * 300 + b"a=1", b"a=" + b"x" * 70_000, b"%1b%3Cb%3E=1"]
)
async def test_what_is_no_form_of_ours_is_refused_as_before(service: RunningApp, body: bytes) -> None:
    headers = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}
    response = await service.anonymous.post("/endpoints", content=body, headers=headers)
    assert response.status_code == 401
    assert "preserved" not in hidden_in(response)


async def test_the_largest_form_passes_through_the_signing_in(service: RunningApp) -> None:
    browser, late = await sent_too_late(service, headers="X-A: " + "&=% ü" * 3_900, public_headers="X-A")
    shown = await signs_in(browser, late)
    assert shown.status_code == 200
    assert hidden_in(shown)["headers"] == "X-A: " + "&=% ü" * 3_900
