"""A form without scripts whose session has ended changes nothing and is preserved."""

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
    await service.runtime.access.sessions.end_all(ada.id, actor="person:admin")
    return browser, token


async def form_after_session(service: RunningApp, **fields: str) -> tuple[httpx.AsyncClient, httpx.Response]:
    browser, token = await signed_out(service)
    form = {"_csrf": token, **TYPED, **fields}
    refused = await browser.post("/endpoints", data=form, headers={"Referer": f"{ORIGIN}/endpoints/new"})
    return browser, refused


async def sign_in(
    browser: httpx.AsyncClient, page: httpx.Response, password: str = PASSWORD
) -> httpx.Response:
    return await browser.post("/sign-in", data={**hidden_in(page), "name": "ada", "password": password})


async def test_a_preserved_form_is_sent_after_signing_in_when_the_person_confirms(
    service: RunningApp,
) -> None:
    browser, refused = await form_after_session(service)
    assert refused.status_code == 401
    assert "You are signed out. Nothing has been changed." in refused.text
    assert "order.created\norder.shipped" in html.unescape(refused.text)
    assert (await service.get("/endpoints"))["items"] == []

    next_page = await sign_in(browser, refused)
    assert next_page.status_code == 200
    assert "You are signed in as ada." in next_page.text
    assert '<form method="post" action="/endpoints">' in next_page.text
    assert '<a class="button" href="/endpoints/new">Discard</a>' in next_page.text
    assert (await service.get("/endpoints"))["items"] == []  # it is not sent yet

    form = hidden_in(next_page)
    assert {name: form[name] for name in TYPED} == TYPED | {"event_types": "order.created\norder.shipped"}
    created = await browser.post("/endpoints", data=form)
    assert 'id="secret"' in (await browser.get(created.headers["location"])).text
    (endpoint,) = (await service.get("/endpoints"))["items"]
    assert endpoint["name"] == TYPED["name"]
    assert endpoint["event_types"] == ["order.created", "order.shipped"]


async def test_a_wrong_password_does_not_lose_the_preserved_form(service: RunningApp) -> None:
    browser, refused = await form_after_session(service)
    again = await sign_in(browser, refused, "not the password")
    assert again.status_code == 401
    field_names = {"preserved", "preserved_path", "next"}
    assert {name: hidden_in(again)[name] for name in field_names} == {
        name: hidden_in(refused)[name] for name in field_names
    }
    assert hidden_in(await sign_in(browser, again))["name"] == TYPED["name"]


async def test_a_preserved_form_contains_neither_secrets_nor_tokens(service: RunningApp) -> None:
    browser, refused = await form_after_session(service, secret=SECRET)
    next_page = await sign_in(browser, refused)
    for page in (refused, next_page):
        assert SECRET not in html.unescape(page.text)
        assert "secret, not kept" in page.text
    assert hidden_in(refused).keys() == {"preserved", "preserved_path", "next"}
    assert "_csrf" not in hidden_in(refused)["preserved"]
    assert re.search(
        r'<input id="missing-secret" name="secret" type="password" autocomplete="off" required>',
        next_page.text,
    )
    await browser.post("/endpoints", data=hidden_in(next_page) | {"secret": SECRET})
    assert len((await service.get("/endpoints"))["items"]) == 1


async def test_the_token_of_the_preserved_form_is_that_of_the_new_session(service: RunningApp) -> None:
    browser, refused = await form_after_session(service)
    next_page = await sign_in(browser, refused)
    assert hidden_in(next_page)["_csrf"] == await form_token(browser)


async def test_a_preserved_form_contains_all_values_of_checkboxes(service: RunningApp) -> None:
    browser, token = await signed_out(service)
    refused = await browser.post(
        "/settings/keys", data={"_csrf": token, "name": "ci", "scopes": ["send", "read"]}
    )
    next_page = await sign_in(browser, refused)
    fields = [(name, html.unescape(value)) for name, value in HIDDEN.findall(next_page.text)]
    assert [value for name, value in fields if name == "scopes"] == ["send", "read"]


async def test_a_form_without_input_is_not_preserved_and_links_back(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    browser, token = await signed_out(service)
    page = f"/endpoints/{endpoint}"
    refused = await browser.post(f"{page}/pause", data={"_csrf": token}, headers={"Referer": ORIGIN + page})
    assert refused.status_code == 401
    assert "Nothing has been changed" in refused.text
    assert hidden_in(refused) == {"next": page}
    assert (await sign_in(browser, refused)).headers["location"] == page


async def test_a_preserved_action_redirects_to_its_page_when_it_is_done(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    browser, token = await signed_out(service)
    page = f"/endpoints/{endpoint}"
    refused = await browser.post(f"{page}/pause", data={"_csrf": token, "reason": "moving"})
    next_page = await sign_in(browser, refused)
    response = await browser.post(
        f"{page}/pause", data=hidden_in(next_page), headers={"Referer": f"{ORIGIN}/sign-in"}
    )
    assert (response.status_code, response.headers["location"]) == (303, page)
    assert (await service.get(f"/endpoints/{endpoint}"))["state"] == "paused"


async def test_a_form_of_an_earlier_session_is_shown_in_the_current_session(service: RunningApp) -> None:
    browser, token = await signed_out(service)
    await browser.post("/sign-in", data={"name": "ada", "password": PASSWORD})  # in another tab
    refused = await browser.post("/endpoints", data={"_csrf": token, **TYPED})
    assert refused.status_code == 403
    assert "The session of this form has ended." in refused.text
    assert (await service.get("/endpoints"))["items"] == []
    await browser.post("/endpoints", data=hidden_in(refused))
    assert len((await service.get("/endpoints"))["items"]) == 1


async def test_signing_out_after_the_session_ended_redirects_to_sign_in(service: RunningApp) -> None:
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
async def test_a_form_from_another_site_is_neither_preserved_nor_shown(
    service: RunningApp, headers: dict[str, str]
) -> None:
    browser = await service.browser("admin", "ada")
    cookie = {"Cookie": f"breakwater={browser.cookies['breakwater']}"}
    for carried in (headers, headers | cookie):
        response = await service.anonymous.post("/endpoints", data={"_csrf": "x", **TYPED}, headers=carried)
        assert response.status_code in {401, 403}
        assert "hooks.example" not in response.text
        assert "preserved" not in hidden_in(response)


async def test_a_change_without_a_token_is_refused_and_not_preserved(service: RunningApp) -> None:
    browser = await service.browser("admin", "ada")
    refused = await browser.post("/endpoints", data=TYPED)
    assert refused.status_code == 403
    assert "hooks.example" not in refused.text


async def test_an_htmx_request_keeps_its_form_on_the_page(service: RunningApp) -> None:
    browser, token = await signed_out(service)
    refused = await browser.post("/endpoints", data={"_csrf": token, **TYPED}, headers={"HX-Request": "true"})
    assert refused.status_code == 401
    assert "hooks.example" not in refused.text


@pytest.mark.parametrize(
    "preserved_path",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", ""],
)
async def test_a_preserved_form_never_leads_to_another_site(service: RunningApp, preserved_path: str) -> None:
    browser, _ = await signed_out(service)
    fields = {"name": "ada", "password": PASSWORD, "preserved": "a=b", "preserved_path": preserved_path}
    response = await browser.post("/sign-in", data=fields)
    assert (response.status_code, response.headers["location"]) == (303, "/")


async def test_hostile_text_in_a_preserved_form_is_escaped(service: RunningApp) -> None:
    hostile = "\"><script>alert(1)</script>\u202e\x1b[2J' onfocus='alert(1)"
    browser, refused = await form_after_session(service, name=hostile, headers=hostile)
    next_page = await sign_in(browser, refused)
    for page in (refused, next_page):
        assert hostile_markup(page.text) == []
    assert hidden_in(next_page)["name"] == hostile


@pytest.mark.parametrize(
    "body", [b"a=%ff", b"a=%00", b"&" * 300 + b"a=1", b"a=" + b"x" * 70_000, b"%1b%3Cb%3E=1"]
)
async def test_a_request_that_is_not_a_form_is_refused_without_preserving_it(
    service: RunningApp, body: bytes
) -> None:
    headers = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}
    response = await service.anonymous.post("/endpoints", content=body, headers=headers)
    assert response.status_code == 401
    assert "preserved" not in hidden_in(response)


async def test_the_largest_form_is_preserved_through_a_sign_in(service: RunningApp) -> None:
    browser, refused = await form_after_session(
        service, headers="X-A: " + "&=% ü" * 3_900, public_headers="X-A"
    )
    next_page = await sign_in(browser, refused)
    assert next_page.status_code == 200
    assert hidden_in(next_page)["headers"] == "X-A: " + "&=% ü" * 3_900
