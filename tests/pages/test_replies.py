"""Responses of pages: complete or as a fragment, with a message, and never with a link to another site."""

import base64
import re

import httpx
import pytest

from tests.web.running_app import OURS, RunningApp

HTMX = {"HX-Request": "true"}


async def token_of(browser: httpx.AsyncClient) -> str:
    return re.search(r'name="_csrf" value="([^"]+)"', (await browser.get("/settings")).text)[1]  # type: ignore[index]


async def post(browser: httpx.AsyncClient, path: str, **more: object) -> httpx.Response:
    headers = more.pop("headers", {})
    return await browser.post(path, data={"_csrf": await token_of(browser), **more}, headers=headers)  # type: ignore[arg-type]


async def test_a_page_and_its_fragment_share_the_live_block(service: RunningApp) -> None:
    browser = await service.browser()
    for path in ("/", "/deliveries", "/circuits", "/endpoints"):
        whole, part = await browser.get(path), await browser.get(path, headers=HTMX)
        assert whole.headers["vary"] == part.headers["vary"] == "HX-Request"
        assert "<!doctype html>" in whole.text
        assert "<nav" not in part.text
        assert 'id="rendered-at"' in part.text
        assert (
            re.search("<title>(.*)</title>", whole.text)[1] == re.search("<title>(.*)</title>", part.text)[1]
        )  # type: ignore[index]


async def test_an_action_redirects_to_the_page_of_its_form_and_shows_its_message_once(
    service: RunningApp,
) -> None:
    browser = await service.browser()
    endpoint = await service.endpoint()
    referer = {"Referer": "http://127.0.0.1:8420/endpoints?x=1"}
    response = await post(browser, f"/endpoints/{endpoint}/pause", headers=referer)
    assert (response.status_code, response.headers["location"]) == (303, "/endpoints?x=1")
    assert "paused. New deliveries" in (await browser.get("/endpoints")).text
    assert "Paused: new" not in (await browser.get("/settings")).text


@pytest.mark.parametrize(
    "referer",
    [
        "https://evil.example/",
        "http://127.0.0.1:8420//evil.example",
        "http://127.0.0.1:8420/\\evil",
        "nonsense",
    ],
)
async def test_no_referer_redirects_to_another_site(service: RunningApp, referer: str) -> None:
    browser = await service.browser()
    endpoint = await service.endpoint()
    response = await post(browser, f"/endpoints/{endpoint}/pause", headers={"Referer": referer})
    assert response.headers["location"] == f"/endpoints/{endpoint}"


async def test_htmx_gets_the_message_in_place_and_refreshes_the_page(service: RunningApp) -> None:
    browser = await service.browser()
    endpoint = await service.endpoint()
    response = await post(browser, f"/endpoints/{endpoint}/pause", headers=HTMX)
    assert response.headers["hx-trigger"] == "refresh"
    assert 'hx-swap-oob="true"' in response.text
    again = await post(browser, f"/endpoints/{endpoint}/pause", headers=HTMX)
    assert again.status_code == 409
    assert "already paused" in again.text


async def test_a_conflict_without_scripts_is_shown_on_the_current_page(service: RunningApp) -> None:
    browser = await service.browser()
    endpoint = await service.endpoint()
    response = await post(browser, f"/circuits/{endpoint}/release")
    assert response.status_code == 303
    assert "This circuit is not on hold" in (await browser.get(response.headers["location"])).text


@pytest.mark.parametrize("cookie", ["!!", "eyJ9", "WzFd", "x" * 5_000])
async def test_a_forged_message_cookie_shows_nothing_and_breaks_nothing(
    service: RunningApp, cookie: str
) -> None:
    browser = await service.browser()
    browser.cookies.set("flash", cookie, domain="127.0.0.1")
    assert (await browser.get("/circuits")).status_code == 200


async def test_a_form_with_an_unknown_field_is_refused(service: RunningApp) -> None:
    browser = await service.browser()
    endpoint = await service.endpoint()
    refused = await post(browser, f"/endpoints/{endpoint}/pause", colour="red")
    assert refused.status_code == 422
    assert "Colour is not a field of this form" in refused.text
    json = {"json": {"reason": "x"}, "headers": {"X-CSRF-Token": await token_of(browser)}}
    assert (await browser.post(f"/endpoints/{endpoint}/pause", **json)).status_code == 422  # type: ignore[arg-type]
    listed = await service.get(f"/endpoints/{endpoint}")
    assert listed["state"] == "enabled"


async def test_a_repeated_field_is_refused(service: RunningApp) -> None:
    browser = await service.browser()
    endpoint = await service.endpoint()
    body = f"_csrf={await token_of(browser)}&reason=a&reason=b"
    kind = {"Content-Type": "application/x-www-form-urlencoded", **OURS}
    response = await browser.post(f"/endpoints/{endpoint}/pause", content=body, headers=kind)
    assert response.status_code == 422
    assert "sent twice" in response.text


async def test_a_live_list_keeps_its_rows_and_counts_newer_deliveries(
    service: RunningApp,
) -> None:
    browser = await service.browser()
    endpoint = await service.endpoint()
    message = {"event_type": "test.sent", "payload": {}, "endpoint_ids": [endpoint]}
    await service.post("/messages", message, 202)
    page = (await browser.get("/deliveries")).text
    refresh = re.search(r'hx-get="([^"]+)"', page)[1].replace("&amp;", "&")  # type: ignore[index]
    rendered = re.findall(r'<tr id="(dlv_\w+)"', page)
    await service.post("/messages", message, 202)
    part = (await browser.get(refresh, headers=HTMX)).text
    assert re.findall(r'<tr id="(dlv_\w+)"', part) == rendered
    assert ">1 new</a>" in part


async def test_static_files_are_public_and_immutable(service: RunningApp) -> None:
    page = (await service.anonymous.get("/sign-in")).text
    for url in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        response = await service.anonymous.get(url)
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]


async def test_a_test_message_links_to_its_delivery(service: RunningApp) -> None:
    browser = await service.browser()
    endpoint = await service.endpoint()
    response = await post(browser, f"/endpoints/{endpoint}/ping", headers=HTMX)
    assert re.search(r'Test sent\. <a href="/deliveries/dlv_\w+">View delivery</a>', response.text)
    await post(browser, f"/endpoints/{endpoint}/pause", headers=HTMX)
    assert "Test is on hold." in (await post(browser, f"/endpoints/{endpoint}/ping", headers=HTMX)).text


async def test_a_forged_message_cookie_links_to_no_other_site(service: RunningApp) -> None:
    browser = await service.browser()
    forged = b'{"kind":"success","message":"Test sent.","link_url":"https://evil.example/","link_label":"x"}'
    browser.cookies.set("flash", base64.urlsafe_b64encode(forged).decode().rstrip("="), domain="127.0.0.1")
    page = (await browser.get("/circuits")).text
    assert "Test sent." in page
    assert "evil.example" not in page
