"""Deliveries over time: the counts of a list per bar, on every database."""

import pytest

from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries import Queries
from breakwater.core.queries.deliveries import histogram, over_time
from breakwater.core.queries.deliveries.histogram_model import Histogram
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.text.timestamps import iso
from tests.contract.stored import Stored, opened

HOUR = 3_600.0
DAY = 86_400.0
FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"status": "failed"},
    {"status": "failed,delivered"},
    {"status": "held"},
    {"status": "retrying"},
    {"event_type": "order.rare"},
    {"class": "dns"},
    {"class": "dns", "status": "pending"},
    {"error": "no such …"},
    {"q": "such name"},
    {"since": "2h"},
    {"since": "20h", "until": "90m"},
    {"until": "3h", "status": "failed"},
)


async def fill(stored: Stored) -> tuple[str, str]:
    """Store one delivery of each kind an hour, for six hours, to a lane that works and to one that does not."""
    fine, dead = await stored.endpoint("fine"), await stored.endpoint("dead")
    await stored.circuit(dead, opened(stored.now))
    for hour in range(6):
        met = {"failure_class": "dns", "error": "no such name", "attempt_count": 1}
        await stored.delivery(fine, "delivered", attempt_count=1)
        await stored.delivery(fine, "failed", **met)
        await stored.delivery(dead, "pending", **met)
        if hour % 2:
            await stored.delivery(dead, "cancelled", event_type="order.rare")
        await stored.clock.advance(HOUR)
    return fine, dead


def parse_filters(values: dict[str, str]) -> DeliveryFilter:
    return DeliveryFilter.parse(values)


async def listed(queries: Queries, values: dict[str, str]) -> int:
    return len((await queries.deliveries.list(parse_filters(values), limit=200)).items)


async def test_the_histogram_counts_the_deliveries_of_the_list_for_any_filter(
    stored: Stored, queries: Queries
) -> None:
    fine, dead = await fill(stored)
    for values in (*FILTERS, {"endpoint": fine}, {"endpoint": dead, "status": "pending,cancelled"}):
        result = await queries.deliveries.histogram(parse_filters(values))
        assert result.total == await listed(queries, values), values
        assert result.total, values
        assert result.search_bounds is None
        assert sum(result.by_state.values()) == result.total


async def test_list_count_and_histogram_are_equal_when_read_together(
    stored: Stored, queries: Queries
) -> None:
    fine, dead = await fill(stored)
    for values in (*FILTERS, {"endpoint": fine}, {"q": "such name", "since": "2h"}, {"q": "nowhere"}):
        filters = parse_filters(values)
        for limit in (2, 200):
            together = await queries.deliveries.list_over_time(filters, limit)
            assert together.page == await queries.deliveries.list(filters, limit=limit), values
            assert together.matching == await queries.deliveries.count(filters), values
            assert together.histogram == await queries.deliveries.histogram(filters), values
    assert dead


async def test_deliveries_older_than_the_histogram_are_listed_and_counted_when_read_together(
    stored: Stored, queries: Queries
) -> None:
    endpoint_id = await stored.endpoint()
    old = await stored.delivery(endpoint_id, "failed", failure_class="dns", error="no such name")
    await stored.clock.advance(2 * DAY)
    new = await stored.delivery(endpoint_id, "failed", failure_class="dns", error="no such name")
    for values in ({"q": "such name"}, {"status": "failed,held"}, {"error": "no such …"}):
        together = await queries.deliveries.list_over_time(parse_filters(values))
        assert [row.id for row in together.page.items] == [new, old], values
        assert (together.matching.value, together.histogram.total) == (2, 1), values


@pytest.mark.parametrize("values", [{"class": "dns", "status": "failed,held"}, {"status": "held"}])
async def test_a_truncated_histogram_ends_at_the_same_id_when_read_together(
    stored: Stored, queries: Queries, monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    await fill(stored)
    for module in (histogram, over_time):
        monkeypatch.setattr(module, "SCAN_LIMIT", 2)
    together = (await queries.deliveries.list_over_time(parse_filters(values))).histogram
    assert together == await queries.deliveries.histogram(parse_filters(values))
    assert together.search_bounds is not None


async def test_each_bar_counts_the_list_of_its_time_range(stored: Stored, queries: Queries) -> None:
    await fill(stored)
    for values in ({}, {"status": "failed"}, {"class": "dns"}):
        result = await queries.deliveries.histogram(parse_filters(values))
        for bar in result.bars:
            of_bar = values | {"since": iso(bar.begin), "until": iso(bar.end)}
            assert bar.total == await listed(queries, of_bar), (values, bar)


async def test_bars_count_each_state(stored: Stored, queries: Queries) -> None:
    await fill(stored)
    assert (await queries.deliveries.histogram(DeliveryFilter())).by_state == {
        "pending": 6,
        "delivered": 6,
        "failed": 6,
        "cancelled": 3,
    }


@pytest.mark.parametrize("values", [{}, {"status": "pending"}, {"class": "dns"}, {"status": "held"}])
async def test_bars_distinguish_held_from_pending(
    stored: Stored, queries: Queries, values: dict[str, str]
) -> None:
    fine, dead = await fill(stored)
    waiting = await stored.delivery(fine, "pending", failure_class="dns", error="no such name")
    result = await queries.deliveries.histogram(parse_filters(values))
    assert result.held == 6
    assert result.by_state[DeliveryState.PENDING] == (6 if values == {"status": "held"} else 7)
    assert (await queries.deliveries.histogram(parse_filters({"endpoint": fine}))).held == 0
    assert (await queries.deliveries.histogram(parse_filters({"endpoint": dead}))).held == 6
    assert waiting


async def test_with_too_many_held_endpoints_all_pending_deliveries_count_as_pending(
    stored: Stored, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(stored)
    monkeypatch.setattr(histogram, "MAX_HELD_ENDPOINTS", 0)
    result = await queries.deliveries.histogram(DeliveryFilter())
    assert (result.held, result.by_state[DeliveryState.PENDING]) == (0, 6)


async def test_without_a_start_the_histogram_covers_the_last_day(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    await stored.delivery(endpoint_id, "delivered")
    await stored.clock.advance(2 * DAY)
    await stored.delivery(endpoint_id, "failed")
    result = await queries.deliveries.histogram(DeliveryFilter())
    assert result.by_state == {"failed": 1}
    assert not result.has_since
    assert result.bars[0].begin == stored.now - DAY
    longer = await queries.deliveries.histogram(parse_filters({"since": "7d"}))
    assert longer.total == 2
    assert longer.has_since


async def test_bars_begin_with_the_oldest_delivery_and_end_now(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    await stored.delivery(endpoint_id)
    first = stored.now
    await stored.clock.advance(60)
    result = await queries.deliveries.histogram(DeliveryFilter())
    assert result.bars[0].begin == pytest.approx(first, abs=0.001)
    assert result.bars[-2].end <= stored.now < result.bars[-1].end


@pytest.mark.parametrize("values", [{}, {"status": "failed"}, {"class": "dns"}, {"status": "held"}])
async def test_only_the_newest_deliveries_are_counted_and_the_limit_is_reported(
    stored: Stored, queries: Queries, monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    await fill(stored)
    monkeypatch.setattr(histogram, "COUNT_LIMIT", 2)
    monkeypatch.setattr(histogram, "SCAN_LIMIT", 2)
    result = await queries.deliveries.histogram(parse_filters(values))
    assert result.search_bounds is not None
    assert "back to" in result.search_bounds.sentence
    since = {"since": iso(result.bars[0].begin)}
    newer = await listed(queries, values | since)
    assert newer - 1 <= result.total <= newer
    assert result.total < await listed(queries, values)


async def test_without_deliveries_the_bars_are_empty(stored: Stored, queries: Queries) -> None:
    for values in ({}, {"class": "tls"}, {"until": "1h"}):
        empty: Histogram = await queries.deliveries.histogram(parse_filters(values))
        assert empty.total == 0
        assert empty.bars
    await stored.delivery(await stored.endpoint(), "delivered")
    for values in ({"status": "failed"}, {"class": "tls"}, {"until": "1h"}):
        assert (await queries.deliveries.histogram(parse_filters(values))).total == 0
