"""A rendered form is carried out once, however often it is sent, and its result is shown again."""

import asyncio
import re

import httpx
from litestar.routes import HTTPRoute

from breakwater.web.pages.submissions import KEPT_SECONDS, RUNS_ONCE
from tests.web.running_app import RunningApp

ENDPOINT = {"url": "https://once.example/hook", "name": "Once"}
_FIELD = re.compile(r'name="(_csrf|_form)" value="([^"]+)"')
OUTSIDE = {"/sign-in", "/welcome", "/sign-out"}
"""Forms that start or end a session."""


async def rendered_form(browser: httpx.AsyncClient, page: str) -> dict[str, str]:
    """Return the hidden fields of the last form on a page."""
    return dict(_FIELD.findall((await browser.get(page)).text)[-2:])


async def endpoints(service: RunningApp) -> list[str]:
    return [item["name"] for item in (await service.get("/endpoints"))["items"]]


async def test_an_endpoint_form_that_is_sent_twice_at_the_same_time_creates_one(service: RunningApp) -> None:
    browser = await service.browser()
    form = {**await rendered_form(browser, "/endpoints/new"), **ENDPOINT}
    first, second = await asyncio.gather(*(browser.post("/endpoints", data=form) for _ in range(2)))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert (await browser.post("/endpoints", data=form)).headers["location"] == first.headers["location"]
    assert await endpoints(service) == ["Once"]


async def test_a_form_that_is_rendered_again_is_another_form(service: RunningApp) -> None:
    browser = await service.browser()
    for _ in range(2):
        form = {**await rendered_form(browser, "/endpoints/new"), **ENDPOINT}
        await browser.post("/endpoints", data=form)
    assert await endpoints(service) == ["Once", "Once"]


async def test_a_form_that_failed_can_be_sent_again(service: RunningApp) -> None:
    browser = await service.browser("operator")
    endpoint = await service.endpoint()
    await browser.get("/circuits")
    form = await rendered_form(browser, "/settings")
    refused = await browser.post(f"/circuits/{endpoint}/release", data=form, headers={"HX-Request": "true"})
    assert refused.status_code == 409
    await service.post(f"/circuits/{endpoint}/hold", {"reason": "maintenance"})
    assert (
        await browser.post(f"/circuits/{endpoint}/release", data=form, headers={"HX-Request": "true"})
    ).status_code == 200


async def test_a_form_without_scripts_that_failed_can_be_sent_again(service: RunningApp) -> None:
    browser = await service.browser("operator")
    endpoint = await service.endpoint()
    form = await rendered_form(browser, "/settings")
    refused = await browser.post(f"/circuits/{endpoint}/release", data=form)
    assert refused.status_code == 303
    await service.post(f"/circuits/{endpoint}/hold", {"reason": "maintenance"})
    assert (await browser.post(f"/circuits/{endpoint}/release", data=form)).status_code == 303
    assert (await service.get(f"/circuits/{endpoint}"))["hold"] is None


async def test_a_confirmed_selection_that_failed_says_so_by_its_status_and_can_be_sent_again(
    service: RunningApp,
) -> None:
    browser = await service.browser("operator")
    form = {
        **await rendered_form(browser, "/settings"),
        "ids": "not-a-delivery",
        "confirmed": "yes",
        "back": "/deliveries",
    }
    sent_by_script = {"HX-Request": "true", "HX-Target": "main"}
    for _ in range(2):
        refused = await browser.post("/deliveries/resend", data=form, headers=sent_by_script)
        assert refused.status_code >= 400
        assert "HX-Redirect" not in refused.headers


async def test_a_result_is_forgotten_after_a_minute(service: RunningApp) -> None:
    browser = await service.browser("operator")
    endpoint = await service.endpoint()
    form = await rendered_form(browser, "/settings")

    async def deliveries_after_sending() -> int:
        await browser.post(f"/endpoints/{endpoint}/ping", data=form, headers={"HX-Request": "true"})
        return len((await service.get("/deliveries"))["items"])

    assert await deliveries_after_sending() == 1
    service.later(KEPT_SECONDS - 1)
    assert await deliveries_after_sending() == 1
    service.later(1)
    assert await deliveries_after_sending() == 2


async def test_the_form_of_one_session_is_not_that_of_another(service: RunningApp) -> None:
    ada, bob = await service.browser("admin", "ada"), await service.browser("admin", "bob")
    form = {**await rendered_form(ada, "/endpoints/new"), **ENDPOINT}
    created = await ada.post("/endpoints", data=form)
    stolen = {**form, "_csrf": (await rendered_form(bob, "/endpoints/new"))["_csrf"]}
    assert (await bob.post("/endpoints", data=stolen)).headers["location"] != created.headers["location"]
    assert (await bob.get(created.headers["location"])).status_code == 200
    assert "whsec_" not in (await bob.get(created.headers["location"])).text


async def test_a_secret_is_shown_after_a_redirect_so_that_a_reload_creates_nothing(
    service: RunningApp,
) -> None:
    browser = await service.browser()
    form = {**await rendered_form(browser, "/endpoints/new"), **ENDPOINT}
    created = await browser.post("/endpoints", data=form)
    page = created.headers["location"]
    assert "whsec_" in (await browser.get(page)).text
    assert "whsec_" in (await browser.get(page)).text
    assert "whsec_" not in created.headers["set-cookie"]
    browser.cookies.delete("shown_once")
    assert "No longer shown" in (await browser.get(page)).text
    assert await endpoints(service) == ["Once"]


def test_every_form_of_a_page_runs_once(service: RunningApp) -> None:
    unprotected = {
        route.path_format
        for route in service.app.routes
        if isinstance(route, HTTPRoute) and not route.path.startswith("/api/")
        for handler in route.route_handlers
        if "POST" in handler.http_methods and not handler.opt.get(RUNS_ONCE)
    }
    assert unprotected == OUTSIDE
