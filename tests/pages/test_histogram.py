"""The histogram above a list of deliveries: links, words and counts, rendered by the server."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.deliveries.histogram_model import Histogram, HistogramBar
from breakwater.core.queries.paging.model import SearchBounds
from breakwater.core.text.statuses import DeliveryStatus
from breakwater.web.pages.charts import histogram
from breakwater.web.pages.charts.histogram import HEIGHT, STACKED
from tests.web.running_app import RunningApp

AT = 1_795_305_600.0
HTMX = {"HX-Request": "true"}


def drawn(
    *counts: dict[DeliveryState, int], step: float = 1_800, bounds: SearchBounds | None = None
) -> Histogram:
    bars = (HistogramBar(AT + n * step, AT + (n + 1) * step, by_state) for n, by_state in enumerate(counts))
    return Histogram(tuple(bars), step, has_since=False, search_bounds=bounds)


DRAWN = drawn(
    {DeliveryState.DELIVERED: 10_000, DeliveryState.FAILED: 1},
    {},
    {DeliveryState.PENDING: 3, DeliveryState.IN_FLIGHT: 1, DeliveryState.CANCELLED: 2},
)


def chart(data: Histogram = DRAWN) -> ET.Element:
    svg = histogram.histogram_chart(data, lambda **times: f"/deliveries?{times['since']}&{times['until']}")
    assert "style" not in svg
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def test_each_bar_with_deliveries_is_a_link_with_its_time_and_counts() -> None:
    first, last = chart().findall("a")
    assert first.attrib["aria-label"] == "00:00 to 00:30 UTC: 10,000 delivered, 1 failed"
    assert first.findtext("title") == first.attrib["aria-label"]
    assert first.attrib["href"] == "/deliveries?2026-11-22T00:00Z&2026-11-22T00:30Z"
    assert last.attrib["aria-label"] == "01:00 to 01:30 UTC: 2 cancelled, 1 in flight, 3 pending"


def test_bars_of_one_second_have_unique_ids() -> None:
    edges = (AT + 0.6, AT + 1, AT + 2)
    bars = (HistogramBar(*span, {DeliveryState.FAILED: 1}) for span in pairwise(edges))
    first, second = chart(Histogram(tuple(bars), 1, has_since=False, search_bounds=None)).findall("a")
    assert first.attrib["id"] != second.attrib["id"]


def test_the_histogram_has_a_label() -> None:
    assert chart().attrib["aria-label"] == (
        "10,007 deliveries over time: 10,000 delivered, 2 cancelled, 1 in flight, 3 pending, 1 failed; 30 min per bar"
    )


def test_a_single_failure_among_ten_thousand_is_visible_and_no_bar_exceeds_the_height() -> None:
    failed = chart().find("path[@class='s-failed']")
    assert failed is not None
    assert failed.attrib["d"].split("v")[1].startswith("2.0")
    assert failed.attrib["d"].split(" ")[1].startswith("0.0h")
    assert HEIGHT == 40


def test_bars_distinguish_held_from_waiting() -> None:
    bar = HistogramBar(AT, AT + 1_800, {DeliveryState.PENDING: 3, DeliveryState.IN_FLIGHT: 1}, held=2)
    assert histogram.bar_words(bar, DRAWN) == "00:00 to 00:30 UTC: 1 in flight, 1 pending, 2 held"


def test_a_bar_of_another_day_has_its_date() -> None:
    night = replace(DRAWN, read_at=AT + 86_400)
    assert histogram.bar_words(night.bars[0], night).startswith("22 Nov 00:00 to 22 Nov 00:30 UTC: ")
    assert histogram.bar_words(DRAWN.bars[0], DRAWN).startswith("00:00 to 00:30 UTC: ")


def test_every_status_except_retrying_is_part_of_a_bar() -> None:
    assert set(STACKED) == set(DeliveryStatus) - {DeliveryStatus.RETRYING}


def test_times_have_the_precision_of_the_bars() -> None:
    seconds = drawn({}, {}, step=5)
    days = drawn({}, {}, step=86_400)
    week = drawn(*[{}] * 42, step=4 * 3_600)
    assert histogram.bar_time(AT + 5, seconds) == "00:00:05"
    assert histogram.bar_time(AT, days) == "22 Nov"
    assert histogram.bar_time(AT, week) == "22 Nov 00:00"
    assert len(histogram.histogram_axis(week)) == 5
    assert len(histogram.histogram_axis(seconds)) == 2


def test_a_bounded_histogram_shows_its_start() -> None:
    stopped = drawn({DeliveryState.FAILED: 1}, bounds=SearchBounds(1, AT, "Searched 1."))
    assert histogram.when_accepted(stopped) == "since 00:00"
    assert histogram.when_accepted(DRAWN) == "in the last 24 h"


# --- on the page


async def strip_of(service: RunningApp, path: str = "/deliveries", **headers: str) -> str:
    page = (await service.api.get(path, headers=headers)).text
    return page.split('id="strip"')[1].split('<table class="cards')[0] if 'id="strip"' in page else ""


async def some(service: RunningApp) -> None:
    await service.endpoint()
    service.sender.script("billing.example", Response(200, (), b""), Response(422, (), b""))
    for state in (DeliveryState.DELIVERED, DeliveryState.FAILED):
        await service.reaches(await service.send_one(), state)
        service.later(600)


async def test_the_histogram_counts_the_deliveries_of_the_list(service: RunningApp) -> None:
    await some(service)
    strip = await strip_of(service)
    assert "<b>2</b> in the last 24 h" in strip
    assert "1 delivered" in strip
    assert "<b>1</b>" in await strip_of(service, "/deliveries?status=failed")


async def test_a_bar_narrows_the_list_and_a_link_clears_the_range(service: RunningApp) -> None:
    await some(service)
    strip = await strip_of(service, "/deliveries?event_type=invoice.paid")
    urls = [url.replace("&amp;", "&") for url in re.findall(r'<a id="bar-\d+" href="([^"]+)"', strip)]
    assert len(urls) == 2
    for url in urls:
        assert parse_qs(urlsplit(url).query)["event_type"] == ["invoice.paid"]
        page = (await service.api.get(url)).text
        assert page.count('<tr id="dlv_') == 1
        assert '<a href="/deliveries?event_type=invoice.paid">Clear time range</a>' in page


async def test_a_table_has_the_same_counts_and_links(service: RunningApp) -> None:
    await some(service)
    strip = await strip_of(service)
    bars = re.findall(r'<a id="bar-\d+" href="([^"]+)"', strip)
    rows = re.findall(r'<th scope="row"><a href="([^"]+)"', strip)
    assert rows == bars[::-1]


async def test_an_empty_list_and_an_invalid_filter_have_no_histogram(service: RunningApp) -> None:
    assert not await strip_of(service)
    await some(service)
    assert not await strip_of(service, "/deliveries?status=cancelled")
    assert not await strip_of(service, "/deliveries?since=never")


async def test_a_list_of_older_deliveries_has_an_empty_histogram(service: RunningApp) -> None:
    await some(service)
    service.later(3 * 86_400)
    strip = await strip_of(service)
    assert "<b>0</b> in the last 24 h" in strip
    assert "strip-table" not in strip


async def test_the_histogram_updates_while_the_rows_of_the_list_stay(service: RunningApp) -> None:
    await some(service)
    page = (await service.api.get("/deliveries")).text
    refresh = re.search(r'hx-get="([^"]+)"', page)[1].replace("&amp;", "&")  # type: ignore[index]
    await service.send_one()
    strip = await strip_of(service, refresh, **HTMX)
    assert "<b>3</b>" in strip
    assert ">1 new</a>" in strip
    assert "rendered=" not in strip
