"""Lists of deliveries: every filter and every page, on every database."""

import pytest
from sqlalchemy import select

from breakwater.core.domain.circuit import CircuitBreaker, Hold
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.queries import Queries
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.deliveries.selection import clause
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS
from tests.contract.recorded_sql import recorded_reads
from tests.contract.stored import Stored, opened
from tests.queries.store.lists import filters, list_ids, pages_of

# --- lists and pages


async def test_the_list_is_newest_first_with_all_columns(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    older = await stored.delivery(endpoint_id, "delivered")
    newer = await stored.delivery(
        endpoint_id,
        "failed",
        failure_class="client_error",
        status_code=404,
        error="404 Not Found",
        attempt_count=1,
    )
    page = await queries.deliveries.list(DeliveryFilter())
    assert [row.id for row in page.items] == [newer, older]
    assert page.next_cursor is None
    assert page.up_to == newer
    row = page.items[0]
    assert (row.endpoint_name, row.webhook_url, row.error) == (
        "billing",
        "https://billing.example/hooks",
        "404 Not Found",
    )


async def test_pages_have_no_duplicates_and_no_gaps(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    delivery_ids = [
        await stored.delivery(endpoint_id, state) for state in ("failed", "delivered", "pending") * 3
    ]
    for values in ({}, {"status": "failed,pending"}, {"status": "failed,delivered,pending"}):
        filter_ = filters(**values)
        pages = [page async for page in pages_of(queries, filter_, 2)]
        assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
        ids = [id_ for page in pages for id_ in page]
        assert ids == await list_ids(queries, **values)
        assert len(set(ids)) == len(ids)
    assert await list_ids(queries) == delivery_ids[::-1]


async def test_new_deliveries_do_not_shift_pages(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    delivery_ids = [await stored.delivery(endpoint_id) for _ in range(4)]
    first = await queries.deliveries.list(DeliveryFilter(), limit=2)
    await stored.delivery(endpoint_id)
    second = await queries.deliveries.list(DeliveryFilter(), first.next_cursor, limit=2)
    assert [row.id for row in (*first.items, *second.items)] == delivery_ids[::-1]


async def test_a_page_of_any_size_takes_the_same_number_of_queries(stored: Stored, queries: Queries) -> None:
    endpoints = [await stored.endpoint(f"e{number}") for number in range(5)]
    for number in range(20):
        await stored.delivery(endpoints[number % 5], "failed", failure_class="dns", error="no such name")
    for values in (
        {},
        {"status": "failed,held"},
        {"q": "such"},
        {"class_": "dns", "event_type": "order.created"},
    ):
        counts = []
        for limit in (1, 20):
            with recorded_reads() as statements:
                await queries.deliveries.list(filters(**values), limit=limit)
            counts.append(len(statements))
        assert counts[0] == counts[1] <= 3


async def test_an_invalid_page_size_is_refused(queries: Queries) -> None:
    for limit in (0, 201):
        with pytest.raises(InvalidInput, match="limit: Invalid limit\\. Use a number from 1 to 200"):
            await queries.deliveries.list(DeliveryFilter(), limit=limit)


async def test_a_cursor_expires_after_a_day(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    for _ in range(2):
        await stored.delivery(endpoint_id)
    cursor = (await queries.deliveries.list(DeliveryFilter(), limit=1)).next_cursor
    await stored.clock.advance(86_402)
    with pytest.raises(InvalidInput, match="expired after 24 hours"):
        await queries.deliveries.list(DeliveryFilter(), cursor)


# --- filters


async def several(stored: Stored) -> dict[str, DeliveryRow]:
    """Store deliveries that differ in every filterable column."""
    healthy, dark = await stored.endpoint("healthy"), await stored.endpoint("dark")
    await stored.circuit(dark, opened(stored.now))
    for endpoint_id in (healthy, dark):
        for state in ("pending", "in_flight", "delivered", "failed", "cancelled"):
            for failure in (None, "connect", "server_error"):
                for event_type in ("order.created", "order.paid"):
                    await stored.delivery(
                        endpoint_id,
                        state,
                        event_type=event_type,
                        failure_class=failure,
                        error=failure and f"{failure} of {event_type}",
                        attempt_count=0 if failure is None else 2,
                    )
    page = await Queries(stored.database, stored.clock, tuple).deliveries.list(DeliveryFilter(), limit=200)
    return {row.id: row for row in page.items}


def matches(filter_: DeliveryFilter, row: DeliveryRow) -> bool:
    """Say once more, in Python, what a filter means."""
    statuses = filter_.statuses()
    by_status = (
        not statuses
        or row.state in filter_.states
        or (filter_.held and row.held)
        or (filter_.retrying and row.state == "pending" and row.attempt_count > 0)
    )
    return (
        by_status
        and filter_.endpoint_id in {None, row.endpoint_id}
        and filter_.event_type in {None, row.event_type}
        and filter_.failure_class in {None, row.failure_class}
        and filter_.error in {None, row.error}
    )


STATUSES = (
    "",
    "failed",
    "held",
    "retrying",
    "failed,held",
    "held,retrying",
    "pending,delivered,held",
    "in_flight",
)


async def test_every_filter_finds_its_deliveries(stored: Stored, queries: Queries) -> None:
    rows = await several(stored)
    dark = next(row.endpoint_id for row in rows.values() if row.endpoint_name == "dark")
    for status in STATUSES:
        for endpoint in ("", dark):
            for event_type in ("", "order.paid"):
                for class_ in ("", "connect"):
                    filter_ = filters(status=status, endpoint=endpoint, event_type=event_type, class_=class_)
                    expected = [row.id for row in rows.values() if matches(filter_, row)]
                    page = await queries.deliveries.list(filter_, limit=200)
                    assert [row.id for row in page.items] == expected, filter_.in_words()
                    assert (await queries.deliveries.count(filter_)).value == len(expected), (
                        filter_.in_words()
                    )
                    at_once = await queries.deliveries.list_over_time(filter_, limit=200)
                    assert at_once.page == page, filter_.in_words()
                    assert at_once.matching == BoundedCount(len(expected), more=False), filter_.in_words()


async def test_an_operation_on_all_matches_covers_exactly_the_list(stored: Stored, queries: Queries) -> None:
    rows = await several(stored)
    some = sorted(rows)[len(rows) // 2]
    for status in STATUSES:
        for more in ({}, {"class_": "connect"}, {"event_type": "order.paid"}, {"q": "of order.paid"}):
            filter_ = filters(status=status, **more)
            listed = [id_ for id_ in await list_ids(queries, status=status, **more) if id_ <= some]
            async with stored.database.read() as connection:
                condition = clause(filter_, stored.now, up_to=some)
                ids = (await connection.execute(select(DELIVERIES.c.id).where(condition))).scalars().all()
            assert sorted(ids) == sorted(listed), filter_.in_words()


async def test_an_error_is_found_whole_or_with_a_wildcard(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    shop = {"failure_class": "dns", "error": "shop-1.example does not resolve"}
    first = await stored.delivery(endpoint_id, "failed", **shop)
    other = await stored.delivery(endpoint_id, "failed", failure_class="dns", error="100% of_lookups failed")
    assert await list_ids(queries, error="shop-1.example does not resolve") == [first]
    assert await list_ids(queries, error="… does not resolve") == [first]
    assert await list_ids(queries, error="100% of_…") == [other]
    assert await list_ids(queries, error="%…") == []
    assert await list_ids(queries, error="s_op…") == []


async def test_the_time_range_is_that_of_acceptance(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    old = await stored.delivery(endpoint_id)
    await stored.clock.advance(3600)
    new = await stored.delivery(endpoint_id)
    assert await list_ids(queries, since="30m") == [new]
    assert await list_ids(queries, until="30m") == [old]
    assert await list_ids(queries, since="2h", until="10s") == [old]
    assert await list_ids(queries, since="2h") == [new, old]


# --- held


@pytest.mark.parametrize("why", ["open", "half-open", "on hold", "paused", "disabled", "throttled"])
async def test_pending_deliveries_of_a_halted_lane_are_held(
    stored: Stored, queries: Queries, why: str
) -> None:
    halted, running = await stored.endpoint("halted"), await stored.endpoint("running")
    breaker = CircuitBreaker()
    match why:
        case "open":
            breaker = opened(stored.now)
        case "half-open":
            breaker = opened(stored.now)
            breaker.probe(now=stored.now)
        case "on hold":
            hold = Hold(reason="x", since=stored.now, until=None, by="person:ada")
            breaker.hold_open(now=stored.now, hold=hold)
        case "paused" | "disabled":
            await stored.change(ENDPOINTS, halted, state=why)
        case _:
            await stored.change(ENDPOINTS, halted, throttled_until=stored.now + 60)
    await stored.circuit(halted, breaker)
    waiting = await stored.delivery(halted)
    await stored.delivery(halted, "delivered")
    await stored.delivery(running)
    assert await list_ids(queries, status="held") == [waiting]
    page = await queries.deliveries.list(DeliveryFilter())
    assert [row.id for row in page.items if row.held] == [waiting]


async def test_a_lane_whose_rate_limit_has_expired_holds_nothing(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint(throttled_until=stored.now + 5)
    await stored.delivery(endpoint_id)
    await stored.clock.advance(10)
    assert await list_ids(queries, status="held") == []


# --- counts


async def test_a_count_stops_at_its_bound(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    for _ in range(5):
        await stored.delivery(endpoint_id, "failed")
    assert str(await queries.deliveries.count(filters(status="failed"), bound=3)) == "3+"
    assert str(await queries.deliveries.count(filters(status="failed"), bound=5)) == "5"


async def test_newer_deliveries_are_counted_and_not_listed(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    newest = await stored.delivery(endpoint_id, "failed")
    assert (await queries.deliveries.count_newer(DeliveryFilter(), newest)).value == 0
    await stored.delivery(endpoint_id, "failed")
    await stored.delivery(endpoint_id, "delivered")
    assert (await queries.deliveries.count_newer(DeliveryFilter(), newest)).value == 2
    assert (await queries.deliveries.count_newer(filters(status="failed"), newest)).value == 1
