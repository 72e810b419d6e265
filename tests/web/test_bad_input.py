"""Bad input: a page shows the position of an invalid filter, the valid form, and what has changed."""

import html

import httpx
import pytest

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from tests.web.running_app import RunningApp, problems
from tests.web.test_every_route import form_token

LISTS = ("/deliveries", "/deliveries/causes", "/replays/new")
UNREADABLE = (
    ("status", "failed,broken", 'Unknown status "broken". Use pending'),
    ("class", "bad luck", 'Unknown class "bad luck". Use redirect'),
    ("endpoint", "billing", 'Invalid endpoint id "billing". Use an id that begins with ep_.'),
    ("since", "yesterday", '"yesterday" isn\'t a time. Use a time such as'),
    ("until", "2026-11-22T99:00Z", "(position 17)"),
    ("q", "a\x07b", "q has a control character at position 2."),
    ("event_type", "x" * 201, "event_type is too long. Use at most 200 characters."),
)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("field", "typed", "expected"), UNREADABLE)
async def test_an_invalid_filter_is_reported_with_its_problem_and_the_page_renders(
    service: RunningApp, path: str, field: str, typed: str, expected: str
) -> None:
    await service.endpoint()
    page = await service.api.get(path, params={field: typed, "until" if field != "until" else "since": "1h"})
    assert page.status_code in {200, 422}
    alert = page.text.split('role="alert"', 1)[1].split("</div>", 1)[0]
    assert expected in html.unescape(alert)
    assert 'id="search"' in page.text
    assert 'value="1h"' in page.text  # the valid field is shown too
    assert "Fix the filter to see results" in page.text


async def test_other_invalid_parameters_of_a_url_are_reported(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    for path, expected in (
        ("/deliveries?since=1h&until=2h", "must be later than"),
        ("/deliveries?cursor=nonsense", "no longer valid"),
        ("/audit?cursor=nonsense", "no longer valid"),
        ("/audit?actor=a%07b", "Actor contains"),
        ("/?range=century", "century"),
        (f"/endpoints/{endpoint}?range=century", "century"),
        ("/replays/new?status=failed&frozen_at=soon", "is not a valid time"),
    ):
        page = await service.api.get(path)
        assert page.status_code in {200, 422}, path
        assert expected in page.text.split("<main", 1)[1], path
        assert 'aria-label="Pages"' in page.text


async def test_very_many_parameters_and_values_are_refused(service: RunningApp) -> None:
    many = "&".join(f"p{number}=" for number in range(201))
    for path in ("/", "/deliveries", "/api/v1/deliveries", "/events"):
        response = await service.api.get(f"{path}?{many}")
        assert response.status_code == 400
        assert response.json()["detail"] == "The URL has more than 200 parameters."
    values = ",".join(["failed"] * 21)
    assert "too many values" in (await service.api.get(f"/deliveries?status={values}")).text
    fields = {f"x{number}": 1 for number in range(101)}
    response = await service.api.post("/api/v1/endpoints", json=fields)
    assert problems(response, 400) == {"body": "has 101 fields: send only the fields of an endpoint"}


class StalePage:
    """A browser with a page that shows an older state than the service has."""

    def __init__(self, service: RunningApp, browser: httpx.AsyncClient, token: str) -> None:
        self.service = service
        self.browser = browser
        self.token = token

    async def refuses(self, path: str, words: str, back: str, **fields: str) -> None:
        """Request an operation that is no longer possible, with and without scripts; the page stays and reports it."""
        form = {"_csrf": self.token, **fields}
        in_place = await self.browser.post(path, data=form, headers={"HX-Request": "true"})
        assert in_place.status_code in {404, 409, 422}, (path, in_place.status_code, in_place.text[-300:])
        assert in_place.headers["hx-trigger"] == "refresh", path
        assert words in in_place.text, (path, in_place.text)
        referer = {"Referer": f"{self.browser.base_url}{back}"}
        without = await self.browser.post(path, data=form, headers=referer)
        assert (without.status_code, without.headers["location"]) == (303, back), path
        assert words in (await self.browser.get(back)).text, path


@pytest.fixture
async def stale_page(service: RunningApp) -> StalePage:
    browser = await service.browser("admin")
    return StalePage(service, browser, await form_token(browser))


async def test_operations_on_a_delivery_that_has_changed_are_reported(
    service: RunningApp, stale_page: StalePage
) -> None:
    await service.endpoint()
    delivered = await service.send_one()
    await service.reaches(delivered, DeliveryState.DELIVERED)
    service.sender.hold()
    running = await service.send_one()
    await service.reaches(running, DeliveryState.IN_FLIGHT)
    path = f"/deliveries/{delivered}"
    await stale_page.refuses(f"{path}/cancel", "already delivered", path)
    path = f"/deliveries/{running}"
    await stale_page.refuses(f"{path}/resend", "is in flight", path)
    await stale_page.refuses(f"{path}/cancel", "Cancel the delivery after the attempt", path)
    await stale_page.refuses(
        "/deliveries/resend", "None of these deliveries can be resent", "/deliveries", ids=running
    )
    service.sender.release()


async def test_operations_on_circuits_and_endpoints_that_have_changed_are_reported(
    service: RunningApp, stale_page: StalePage
) -> None:
    endpoint = await service.endpoint()
    page = f"/endpoints/{endpoint}"
    await stale_page.refuses(f"/circuits/{endpoint}/probe", "closed", "/circuits")
    await stale_page.refuses(f"/circuits/{endpoint}/release", "This circuit is not on hold", "/circuits")
    await service.post(f"{page}/pause")
    await stale_page.refuses(f"{page}/pause", "paused", page)
    await service.api.delete(f"/api/v1{page}")
    for action in ("pause", "resume", "ping", "rotate-secret", "delete"):
        await stale_page.refuses(f"{page}/{action}", "endpoint", "/endpoints")
    await stale_page.refuses(f"/circuits/{endpoint}/reset", "endpoint", "/circuits")
    edited = await stale_page.browser.post(f"{page}/edit", data={"_csrf": stale_page.token, "name": "kept"})
    assert edited.status_code in {404, 409, 422}


async def test_operations_on_replays_keys_people_and_views_that_have_changed_are_reported(
    service: RunningApp, stale_page: StalePage
) -> None:
    await service.endpoint()
    service.sender.default = Response(400)
    await service.reaches(await service.send_one(), DeliveryState.FAILED)
    replay = await service.post("/replays", {"filter": {"status": "failed"}, "pace": 0.001}, 201)
    page = f"/replays/{replay['id']}"
    await stale_page.refuses(f"{page}/resume", "The replay is running", page)
    await service.post(f"{page}/cancel")
    for operation in ("pause", "resume", "cancel"):
        await stale_page.refuses(f"{page}/{operation}", "The replay is cancelled", page)

    missing = "0" * 26
    await stale_page.refuses(f"/settings/keys/key_{missing}/revoke", "key", "/settings")
    await stale_page.refuses(f"/settings/people/prs_{missing}/disable", "person", "/settings")
    await stale_page.refuses(f"/deliveries/views/viw_{missing}/delete", "view", "/deliveries")
