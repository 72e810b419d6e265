"""Pages in the zone of the reader: times, axes of charts, and the times typed into a filter."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from breakwater.core.domain.outcome import TransportFailure
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.web.pages import zones
from tests.web.running_app import RunningApp
from tests.web.test_every_route import form_token

NOON = "2027-01-15 08:00:00"
"""When the manual clock begins, in UTC."""


def in_zone(name: str) -> dict[str, str]:
    return {"Cookie": f"zone={name}"}


BERLIN = in_zone("Europe/Berlin")


async def delivered(service: RunningApp) -> str:
    """A delivery that arrived."""
    await service.endpoint()
    delivery = await service.send_one()
    await service.reaches(delivery, DeliveryState.DELIVERED)
    return delivery


async def test_times_are_in_utc_by_default(service: RunningApp) -> None:
    delivery = await delivered(service)
    page = (await service.api.get(f"/deliveries/{delivery}")).text
    assert f'datetime="2027-01-15T08:00:00.000Z" title="{NOON} UTC"' in page
    assert f">{NOON} UTC<" in page
    assert 'data-zone="UTC"' in page


async def test_every_time_on_a_page_is_in_the_readers_zone(service: RunningApp) -> None:
    delivery = await delivered(service)
    page = (await service.api.get(f"/deliveries/{delivery}", headers=BERLIN)).text
    assert ">2027-01-15 09:00:00 CET<" in page
    assert f'datetime="2027-01-15T08:00:00.000Z" title="2027-01-15 09:00:00 CET ({NOON} UTC)"' in page
    assert 'data-clock="09:00:00 CET"' in page
    assert ">Times in </span>Europe/Berlin</a>" in page
    without_titles = re.sub(r'title="[^"]*"', "", page)
    assert " UTC" not in html.unescape(without_titles).split("<main")[1]


@pytest.mark.parametrize("path", ["/", "/deliveries", "/endpoints", "/circuits", "/audit", "/settings"])
async def test_the_datetime_attributes_are_in_utc_on_every_page(service: RunningApp, path: str) -> None:
    await delivered(service)
    page = (await service.api.get(path, headers=BERLIN)).text
    moments = re.findall(r'<time datetime="([^"]*)"', page)
    assert all(moment.startswith("2027-01-15T08:0") and moment.endswith("Z") for moment in moments)
    assert bool(moments) is (path in {"/", "/deliveries", "/audit"})


async def test_charts_and_their_tables_are_in_the_readers_zone(service: RunningApp) -> None:
    await delivered(service)
    page = (await service.api.get("/", headers=BERLIN)).text
    assert "From (Europe/Berlin)" in page
    assert "to 09:00 CET:" in page  # the label for screen readers
    assert "<span>09:00</span>" in page
    strip = (await service.api.get("/deliveries", headers=BERLIN)).text.split('id="strip"')[1]
    assert "From (Europe/Berlin)" in strip
    assert "09:00:00 to 09:00:01 CET: 1 delivered" in strip
    assert "since=2027-01-15T09%3A00%2B01%3A00" in strip


async def test_times_in_sentences_are_in_the_readers_zone(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    service.sender.script("billing.example", TransportFailure(FailureClass.CONNECT, "connection refused"))
    delivery = await service.send_one()
    await service.attempted(delivery, 1)
    await service.post(f"/circuits/{endpoint}/hold", {"reason": "rebuilt", "until": "2027-01-15T20:30:00Z"})
    page = (await service.api.get(f"/deliveries/{delivery}", headers=BERLIN)).text
    assert "until 21:30:00 CET" in page.split('id="why"')[1].split("</p>")[0]
    board = (await service.api.get("/circuits", headers=BERLIN)).text
    assert "since 09:00:00 until 21:30:00 CET" in board
    assert "20:30:00 UTC" in (await service.get(f"/deliveries/{delivery}"))["why"]


async def test_a_bar_links_to_the_same_deliveries_in_every_zone(service: RunningApp) -> None:
    delivery = await delivered(service)
    for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"):
        strip = (await service.api.get("/deliveries", headers=in_zone(zone))).text.split('id="strip"')[1]
        bar = html.unescape(re.search(r'<a id="bar-\d+" href="([^"]*)"', strip)[1])  # type: ignore[index]
        page = await service.api.get(bar, headers=in_zone("Asia/Tokyo"))
        assert page.status_code == 200
        assert f'<tr id="{delivery}"' in page.text


@pytest.mark.parametrize("path", ["/deliveries", "/deliveries/causes", "/replays/new"])
@pytest.mark.parametrize(
    ("zone", "typed", "expected"),
    [
        ("UTC", "2027-01-15", "2027-01-15T00:00Z"),
        ("Europe/Berlin", "2027-01-15", "2027-01-15T00:00+01:00"),
        ("Europe/Berlin", "2026-07-15 03:12", "2026-07-15T03:12+02:00"),
        ("Europe/Berlin", "2026-07-15T03:12:07.5", "2026-07-15T03:12:07.500+02:00"),
        ("America/St_Johns", "2027-01-15T03:12", "2027-01-15T03:12-03:30"),
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T02:30+01:00"),  # an hour that does not exist
    ],
)
async def test_a_date_is_read_in_the_readers_zone_and_its_url_has_the_offset(
    service: RunningApp, path: str, zone: str, typed: str, expected: str
) -> None:
    params = {"status": "failed", "since": typed, "up_to": "dlv_1"}
    redirect = await service.api.get(path, params=params, headers=in_zone(zone))
    assert redirect.status_code == 303
    target = urlsplit(redirect.headers["location"])
    assert target.path == path
    assert parse_qs(target.query) == {"status": ["failed"], "since": [expected], "up_to": ["dlv_1"]}


@pytest.mark.parametrize(
    "text", ["2h", "2027-01-15T03:12Z", "2027-01-15T03:12+05:30", "yesterday", "20270115"]
)
async def test_a_time_with_an_offset_and_other_text_stay_unchanged(service: RunningApp, text: str) -> None:
    page = await service.api.get("/deliveries", params={"since": text}, headers=BERLIN)
    assert page.status_code == 200
    assert f'name="since" value="{html.escape(text)}"' in page.text


async def test_the_filter_names_the_zone_of_its_times(service: RunningApp) -> None:
    for zone in ("UTC", "Europe/Berlin"):
        page = (await service.api.get("/deliveries", headers=in_zone(zone))).text
        assert f"Times are in {zone} unless you add an offset." in page


async def test_a_filter_in_words_has_times_in_the_readers_zone(service: RunningApp) -> None:
    params = {"since": "2027-01-15T08:30Z"}
    page = (await service.api.get("/deliveries", params=params, headers=BERLIN)).text
    assert "No deliveries accepted since 2027-01-15 09:30:00 CET" in page


async def test_a_replay_is_shown_in_the_readers_zone_and_stored_in_utc(service: RunningApp) -> None:
    await delivered(service)
    params = {"since": "2027-01-15T07:30Z", "status": "delivered"}
    plan = (await service.api.get("/replays/new", params=params, headers=BERLIN)).text
    assert "accepted since 2027-01-15 08:30:00 CET" in plan
    replay = await service.post("/replays", {"filter": params, "pace": 0.001}, 201)
    for path in ("/replays", f"/replays/{replay['id']}"):
        assert "since 2027-01-15 08:30:00 CET" in (await service.api.get(path, headers=BERLIN)).text
    entries = (await service.get("/audit"))["items"]
    assert "since 2027-01-15 07:30:00 UTC" in entries[0]["outcome"]


@pytest.mark.parametrize("path", ["/api/v1/deliveries", "/audit.csv"])
async def test_programs_and_exports_stay_in_utc(service: RunningApp, path: str) -> None:
    delivery = await delivered(service)
    await service.runtime.operations.deliveries.resend(delivery, actor="person:ada", reason=None)
    response = await service.api.get(path, headers=BERLIN)
    assert "2027-01-15T08:00:0" in response.text
    assert "CET" not in response.text
    detail = await service.api.get(f"/api/v1/deliveries/{delivery}", headers=BERLIN)
    assert "CET" not in detail.text


HOSTILE = ("", "../../etc/passwd", "/etc/localtime", "Europe/Atlantis", "<script>", "Europe/Berlin\0", "localtime",
           "Factory", "x" * 5_000, "europe/berlin", "%00", "posix/Europe/Berlin", "..")  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_cookie_without_a_valid_zone_means_utc(service: RunningApp, name: str) -> None:
    page = await service.api.get("/settings", headers={"Cookie": b"zone=" + name.encode()})  # type: ignore[dict-item]
    assert page.status_code == 200
    assert 'data-zone="UTC"' in page.text


async def choose(browser: httpx.AsyncClient, name: str) -> httpx.Response:
    return await browser.post("/settings/zone", data={"_csrf": await form_token(browser), "zone": name})


async def test_a_reader_sets_and_resets_the_zone_in_settings(service: RunningApp) -> None:
    browser = await service.browser("viewer")
    for name in ("Asia/Kathmandu", "Etc/GMT+5", "US/Pacific"):
        assert (await choose(browser, name)).headers["location"] == "/settings"
        page = (await browser.get("/settings")).text
        assert f"Times are now in {name}." in html.unescape(page)
        assert f'data-zone="{name}"' in page
        assert re.search(rf'<option value="{re.escape(name)}" selected>', page)
    await choose(browser, "UTC")
    assert "zone" not in browser.cookies
    assert 'data-zone="UTC"' in (await browser.get("/settings")).text


@pytest.mark.parametrize("name", HOSTILE)
async def test_an_unknown_zone_is_refused_and_nothing_changes(service: RunningApp, name: str) -> None:
    browser = await service.browser("viewer")
    await choose(browser, "Asia/Tokyo")
    refused = await choose(browser, name)
    assert refused.status_code in {303, 422}
    page = (await browser.get("/settings")).text
    assert 'data-zone="Asia/Tokyo"' in page
    assert "<script>" not in page.split("<main")[1]


async def test_the_zone_cookie_holds_nothing_but_the_zone(service: RunningApp) -> None:
    browser = await service.browser("viewer")
    cookies = (await choose(browser, "Asia/Tokyo")).headers.get_list("set-cookie")
    (cookie,) = (text for text in cookies if text.startswith("zone="))
    assert cookie.split(";")[0].replace('"', "") == "zone=Asia/Tokyo"


def test_every_offered_zone_can_be_loaded() -> None:
    offered = [name for within in zones.offered().values() for name in within]
    assert {"Europe/Berlin", "America/Argentina/Buenos_Aires", "Pacific/Chatham"} <= set(offered)
    assert len(offered) > 300
    for name in offered:
        assert str(zones.zone_named(name)) == name
