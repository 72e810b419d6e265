"""Searching deliveries: what is found, and how far a search goes."""

import pytest

from breakwater.core.queries import Queries
from breakwater.core.queries.deliveries import selection
from tests.contract.stored import Stored
from tests.queries.store.lists import filters, list_ids, pages_of


async def test_a_search_finds_ids_of_every_kind(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    message_id = await stored.message()
    delivery_id = await stored.delivery(endpoint_id, "failed", message_id=message_id)
    attempt_id = await stored.attempt(delivery_id, endpoint_id)
    await stored.clock.advance(1000)
    await stored.delivery(endpoint_id)
    for q in (delivery_id, delivery_id[:14], message_id, attempt_id):
        assert await list_ids(queries, q=q) == [delivery_id], q
        assert await list_ids(queries, q=q, status="failed") == [delivery_id]
        assert await list_ids(queries, q=q, status="delivered") == []
    assert len(await list_ids(queries, q=endpoint_id)) == 2


async def test_a_search_finds_an_idempotency_key_of_any_age(
    stored: Stored, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PAYLOAD_SCAN_LIMIT", 2)
    endpoint_id = await stored.endpoint()
    keyed = await stored.delivery(endpoint_id, key="order-4711")
    for _ in range(4):
        await stored.delivery(endpoint_id)
    ids = [id_ async for page in pages_of(queries, filters(q="order-4711"), 50) for id_ in page]
    assert ids == [keyed]


async def test_a_search_finds_text_in_type_error_and_payload(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    paid = await stored.delivery(endpoint_id, event_type="Invoice.Paid")
    refused = await stored.delivery(
        endpoint_id, "failed", failure_class="connect", error="Connection refused"
    )
    body = await stored.delivery(endpoint_id, payload=b'{"customer":"caf\xc3\xa9 100%","note":"na\\u00efve"}')
    assert await list_ids(queries, q="invoice.paid") == [paid]
    assert await list_ids(queries, q="CONNECTION REF") == [refused]
    assert await list_ids(queries, q='"customer":"café') == [body]
    assert await list_ids(queries, q="naïve") == [body]
    assert await list_ids(queries, q="100%") == [body]
    assert await list_ids(queries, q="1_0%") == []
    assert await list_ids(queries, q="' OR 1=1 --") == []


async def test_a_binary_payload_does_not_break_a_search(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    odd = await stored.delivery(endpoint_id, payload=b"\x00\xff\xfe binary \x00 tail")
    assert await list_ids(queries, q="tail") == [odd]


async def test_a_search_reports_how_far_it_searched_and_continues_there(
    stored: Stored, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PAYLOAD_SCAN_LIMIT", 3)
    endpoint_id = await stored.endpoint()
    needle = await stored.delivery(endpoint_id, payload=b'"needle"')
    for _ in range(7):
        await stored.delivery(endpoint_id)
    first = await queries.deliveries.list(filters(q="needle"))
    assert first.items == ()
    assert first.search_bounds is not None
    assert first.search_bounds.scanned == 3
    assert first.search_bounds.sentence.startswith("Searched 3 deliveries, back to ")
    assert str(await queries.deliveries.count(filters(q="needle"))) == "0+"
    at_once = await queries.deliveries.list_over_time(filters(q="needle"))
    assert (at_once.page, str(at_once.matching)) == (first, "0+")
    pages = [page async for page in pages_of(queries, filters(q="needle"), 50)]
    assert [id_ for page in pages for id_ in page] == [needle]
    assert len(pages) == 3


async def test_a_rare_combination_is_found_at_any_depth(
    stored: Stored, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "SCAN_LIMIT", 4)
    endpoint_id = await stored.endpoint()
    rare = await stored.delivery(endpoint_id, "failed", event_type="rare")
    for number in range(15):
        await stored.delivery(endpoint_id, "failed" if number % 2 else "pending")
    filter_ = filters(status="failed,pending", event_type="rare")
    pages = [page async for page in pages_of(queries, filter_, 50)]
    assert [id_ for page in pages for id_ in page] == [rare]
    assert len(pages) > 2
