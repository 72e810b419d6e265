"""Pages in the zone of their reader: every time, the charts' axes, and the dates that are typed into a filter."""

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


async def test_times_are_in_utc_until_a_reader_chooses(service: RunningApp) -> None:
    delivery = await delivered(service)
    page = (await service.api.get(f"/deliveries/{delivery}")).text
    assert f'datetime="2027-01-15T08:00:00.000Z" title="{NOON} UTC"' in page
    assert f">{NOON} UTC<" in page
    assert 'data-zone="UTC"' in page


async def test_every_time_of_a_page_follows_the_readers_zone_and_says_so(service: RunningApp) -> None:
    delivery = await delivered(service)
    page = (await service.api.get(f"/deliveries/{delivery}", headers=BERLIN)).text
    assert ">2027-01-15 09:00:00 CET<" in page
    assert f'datetime="2027-01-15T08:00:00.000Z" title="2027-01-15 09:00:00 CET ({NOON} UTC)"' in page
    assert 'data-clock="09:00:00 CET"' in page
    assert ">Times in </span>Europe/Berlin</a>" in page
    without_titles = re.sub(r'title="[^"]*"', "", page)
    assert " UTC" not in html.unescape(without_titles).split("<main")[1]


@pytest.mark.parametrize("path", ["/", "/deliveries", "/endpoints", "/circuits", "/audit", "/settings"])
async def test_machines_find_utc_on_every_page_whatever_its_reader_chose(
    service: RunningApp, path: str
) -> None:
    await delivered(service)
    page = (await service.api.get(path, headers=BERLIN)).text
    moments = re.findall(r'<time datetime="([^"]*)"', page)
    assert all(moment.startswith("2027-01-15T08:0") and moment.endswith("Z") for moment in moments)
    assert bool(moments) is (path in {"/", "/deliveries", "/audit"})


async def test_charts_and_their_tables_follow_the_readers_zone(service: RunningApp) -> None:
    await delivered(service)
    page = (await service.api.get("/", headers=BERLIN)).text
    assert "From (Europe/Berlin)" in page
    assert "to 09:00 CET:" in page  # what the drawing says to those who hear it
    assert "<span>09:00</span>" in page
    strip = (await service.api.get("/deliveries", headers=BERLIN)).text.split('id="strip"')[1]
    assert "From (Europe/Berlin)" in strip
    assert "09:00:00 to 09:00:01 CET: 1 delivered" in strip
    assert "since=2027-01-15T09%3A00%2B01%3A00" in strip


async def test_the_sentences_of_a_page_say_their_times_by_the_readers_clock(service: RunningApp) -> None:
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


async def test_a_bar_leads_to_the_same_deliveries_in_every_zone(service: RunningApp) -> None:
    delivery = await delivered(service)
    for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"):
        strip = (await service.api.get("/deliveries", headers=in_zone(zone))).text.split('id="strip"')[1]
        bar = html.unescape(re.search(r'<a id="bar-\d+" href="([^"]*)"', strip)[1])  # type: ignore[index]
        page = await service.api.get(bar, headers=in_zone("Asia/Tokyo"))
        assert page.status_code == 200
        assert f'<tr id="{delivery}"' in page.text


@pytest.mark.parametrize("path", ["/deliveries", "/deliveries/causes", "/replays/new"])
@pytest.mark.parametrize(
    ("zone", "typed", "meant"),
    [
        ("UTC", "2027-01-15", "2027-01-15T00:00Z"),
        ("Europe/Berlin", "2027-01-15", "2027-01-15T00:00+01:00"),
        ("Europe/Berlin", "2026-07-15 03:12", "2026-07-15T03:12+02:00"),
        ("Europe/Berlin", "2026-07-15T03:12:07.5", "2026-07-15T03:12:07.500+02:00"),
        ("America/St_Johns", "2027-01-15T03:12", "2027-01-15T03:12-03:30"),
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T02:30+01:00"),  # an hour that there was not
    ],
)
async def test_a_date_is_read_in_the_readers_zone_and_its_url_says_which(
    service: RunningApp, path: str, zone: str, typed: str, meant: str
) -> None:
    asked = {"status": "failed", "since": typed, "up_to": "dlv_1"}
    led = await service.api.get(path, params=asked, headers=in_zone(zone))
    assert led.status_code == 303
    went = urlsplit(led.headers["location"])
    assert went.path == path
    assert parse_qs(went.query) == {"status": ["failed"], "since": [meant], "up_to": ["dlv_1"]}


@pytest.mark.parametrize(
    "said", ["2h", "2027-01-15T03:12Z", "2027-01-15T03:12+05:30", "yesterday", "20270115"]
)
async def test_what_says_its_zone_or_is_no_date_stays_as_it_was_typed(service: RunningApp, said: str) -> None:
    page = await service.api.get("/deliveries", params={"since": said}, headers=BERLIN)
    assert page.status_code == 200
    assert f'name="since" value="{html.escape(said)}"' in page.text


async def test_the_filter_says_in_which_zone_it_reads_a_date(service: RunningApp) -> None:
    for zone in ("UTC", "Europe/Berlin"):
        page = (await service.api.get("/deliveries", headers=in_zone(zone))).text
        assert f"A date is read in {zone}, unless it says its zone." in page


async def test_what_is_asked_for_is_told_in_the_readers_zone(service: RunningApp) -> None:
    asked = {"since": "2027-01-15T08:30Z"}
    page = (await service.api.get("/deliveries", params=asked, headers=BERLIN)).text
    assert "Looked for all deliveries accepted since 2027-01-15 09:30:00 CET." in page


async def test_a_replay_is_shown_in_the_readers_zone_and_kept_in_utc(service: RunningApp) -> None:
    await delivered(service)
    asked = {"since": "2027-01-15T07:30Z", "status": "delivered"}
    plan = (await service.api.get("/replays/new", params=asked, headers=BERLIN)).text
    assert "accepted since 2027-01-15 08:30:00 CET" in plan
    replay = await service.post("/replays", {"filter": asked, "pace": 0.001}, 201)
    for path in ("/replays", f"/replays/{replay['id']}"):
        assert "since 2027-01-15 08:30:00 CET" in (await service.api.get(path, headers=BERLIN)).text
    entries = (await service.get("/audit"))["items"]
    assert "since 2027-01-15 07:30:00 UTC" in entries[0]["outcome"]


@pytest.mark.parametrize("path", ["/api/v1/deliveries", "/audit.csv"])
async def test_programs_and_exports_stay_in_utc(service: RunningApp, path: str) -> None:
    delivery = await delivered(service)
    await service.runtime.operations.deliveries.resend(delivery, actor="person:ada", reason=None)
    answer = await service.api.get(path, headers=BERLIN)
    assert "2027-01-15T08:00:0" in answer.text
    assert "CET" not in answer.text
    detail = await service.api.get(f"/api/v1/deliveries/{delivery}", headers=BERLIN)
    assert "CET" not in detail.text


HOSTILE = ("", "../../etc/passwd", "/etc/localtime", "Europe/Atlantis", "<script>", "Europe/Berlin\0", "localtime",
           "Factory", "x" * 5_000, "europe/berlin", "%00", "posix/Europe/Berlin", "..")  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_cookie_that_names_no_zone_means_utc(service: RunningApp, name: str) -> None:
    page = await service.api.get("/settings", headers={"Cookie": b"zone=" + name.encode()})  # type: ignore[dict-item]
    assert page.status_code == 200
    assert 'data-zone="UTC"' in page.text


async def choose(browser: httpx.AsyncClient, name: str) -> httpx.Response:
    return await browser.post("/settings/zone", data={"_csrf": await form_token(browser), "zone": name})


async def test_a_reader_chooses_a_zone_in_settings_and_takes_it_back(service: RunningApp) -> None:
    browser = await service.browser("viewer")
    for name in ("Asia/Kathmandu", "Etc/GMT+5", "US/Pacific"):
        assert (await choose(browser, name)).headers["location"] == "/settings"
        page = (await browser.get("/settings")).text
        assert f"Times are in {name} from now on." in html.unescape(page)
        assert f'data-zone="{name}"' in page
        assert re.search(rf'<option value="{re.escape(name)}" selected>', page)
    await choose(browser, "UTC")
    assert "zone" not in browser.cookies
    assert 'data-zone="UTC"' in (await browser.get("/settings")).text


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_zone_is_refused_and_nothing_changes(service: RunningApp, name: str) -> None:
    browser = await service.browser("viewer")
    await choose(browser, "Asia/Tokyo")
    refused = await choose(browser, name)
    assert refused.status_code in {303, 422}
    page = (await browser.get("/settings")).text
    assert 'data-zone="Asia/Tokyo"' in page
    assert "<script>" not in page.split("<main")[1]


async def test_the_choice_says_nothing_about_its_reader(service: RunningApp) -> None:
    browser = await service.browser("viewer")
    kept = (await choose(browser, "Asia/Tokyo")).headers.get_list("set-cookie")
    (cookie,) = (each for each in kept if each.startswith("zone="))
    assert cookie.split(";")[0].replace('"', "") == "zone=Asia/Tokyo"


def test_every_zone_that_is_offered_can_be_read() -> None:
    offered = [name for within in zones.offered().values() for name in within]
    assert {"Europe/Berlin", "America/Argentina/Buenos_Aires", "Pacific/Chatham"} <= set(offered)
    assert len(offered) > 300
    for name in offered:
        assert str(zones.zone_called(name)) == name
