"""The figures of Now and of the lists: current, named by their range, and equal to what an action touches."""

import re

import pytest

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.traffic.model import Latency, Traffic
from breakwater.web.pages.delivery_list import ListQuery
from tests.web.running_app import RunningApp


def traffic(series: dict[int, int]) -> Traffic:
    points = tuple((minute, series.get(minute, 0), 0) for minute in range(40, 101))
    return Traffic(61, sum(series.values()), 0, {}, Latency(None, None, None), points)


def test_the_current_rate_is_of_the_last_five_minutes_and_the_current_one() -> None:
    assert traffic({50: 6_000, **dict.fromkeys(range(95, 101), 10)}).recent_rate(101 * 60, 5) == 10


def test_the_current_rate_does_not_count_the_time_before_the_first_attempt() -> None:
    assert traffic({99: 110, 100: 110}).recent_rate(101 * 60, 5) == 110
    assert traffic({}).recent_rate(101 * 60, 5) == 0


def test_no_percentile_is_above_the_longest_timeout() -> None:
    assert Latency(80.0, 3_440.0, None).capped(3_000.0) == Latency(80.0, 3_000.0, None)


@pytest.mark.parametrize(
    ("status", "offer"),
    [
        ("failed", "failed"),
        ("cancelled", "cancelled"),
        ("", "failed"),
        ("failed,held", "failed"),
        ("held", None),
        ("pending,in_flight", None),
        ("retrying", None),
    ],
)
def test_a_list_offers_to_resend_what_can_be_resent(status: str, offer: str | None) -> None:
    assert ListQuery.parse({"status": status}, "/deliveries").resend_offer() == offer


async def test_tiles_and_outcomes_follow_the_range_of_the_charts(service: RunningApp) -> None:
    await service.endpoint("tax.example")
    service.sender.default = Response(422)
    for _ in range(4):
        await service.reaches(await service.send_one(), DeliveryState.FAILED)
    browser = await service.browser("viewer")
    page = (await browser.get("/?range=7d")).text
    assert "Attempt success, last 7 days" in page
    assert "Attempts by outcome, last 7 days" in page
    assert 'href="/deliveries?class=client_error&amp;since=7d"' in page
    assert "Attempts per minute, last 5 min" in page
    assert re.search(r'status=pending,in_flight">0', page)


async def test_a_cause_that_is_still_retried_offers_what_has_failed(service: RunningApp) -> None:
    await service.endpoint("tax.example")
    service.sender.default = Response(500)
    await service.send()
    await service.sent(1)
    browser = await service.browser("operator")
    page = (await browser.get("/deliveries/causes")).text
    assert "class=server_error" in page
    assert "&amp;status=failed" in page
