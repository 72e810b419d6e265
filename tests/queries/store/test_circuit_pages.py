"""Circuits and endpoints page by page, open circuits first, on every database."""

import pytest

from breakwater.core.domain.circuit import CircuitBreaker, CircuitState
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.queries import Queries
from breakwater.core.queries.paging.cursors import Cursor
from breakwater.core.store.schema import CIRCUITS, ENDPOINTS
from tests.contract.stored import Stored, opened


async def engine(stored: Stored) -> None:
    """Store three endpoints that are open, one half-open, one paused, an ad-hoc one, and six that work."""
    for failures in (5, 9, 7):
        endpoint_id = await stored.endpoint(f"open-{failures}")
        await stored.circuit(endpoint_id, opened(stored.now))
        await stored.change(CIRCUITS, endpoint_id, failure_count=failures)
    probing = opened(stored.now)
    probing.probe(now=stored.now)
    await stored.circuit(await stored.endpoint("probing"), probing)
    await stored.endpoint("paused", state="paused")
    await stored.endpoint("ad hoc", adhoc_key="https://adhoc.example/")
    for name in ("f", "b", "d", "a", "e", "c"):
        endpoint_id = await stored.endpoint(name)
        if name in "ae":
            await stored.circuit(endpoint_id, CircuitBreaker())


OPEN_FIRST = ["open-5", "open-7", "open-9", "probing", "paused", "a", "b", "c", "d", "e", "f", "ad hoc"]


async def names_by_page(queries: Queries, limit: int, text: str = "") -> list[list[str]]:
    pages, cursor = [], None
    while True:
        page = await queries.circuits.board(cursor, limit, text)
        pages.append([circuit.endpoint_name for circuit in page.items])
        if (cursor := page.next_cursor) is None:
            return pages


async def test_pages_go_in_one_order_and_neither_repeat_nor_leave_out(
    stored: Stored, queries: Queries
) -> None:
    await engine(stored)
    for limit in (1, 2, 5, 12, 500):
        pages = await names_by_page(queries, limit)
        assert [name for page in pages for name in page] == OPEN_FIRST, limit
        assert {len(page) for page in pages[:-1]} <= {limit}


async def test_endpoints_are_sorted_like_their_circuits(stored: Stored, queries: Queries) -> None:
    await engine(stored)
    first = await queries.endpoints.list(limit=7)
    second = await queries.endpoints.list(first.next_cursor, limit=7)
    assert [summary.endpoint.name for summary in (*first.items, *second.items)] == OPEN_FIRST
    assert second.next_cursor is None


async def test_every_page_has_the_total(stored: Stored, queries: Queries) -> None:
    await engine(stored)
    first = await queries.circuits.board(limit=2)
    second = await queries.endpoints.list(first.next_cursor, limit=2)
    assert (
        first.states
        == second.states
        == {CircuitState.OPEN: 3, CircuitState.HALF_OPEN: 1, CircuitState.CLOSED: 8}
    )
    assert (first.total, first.open_circuits) == (12, 4)


async def test_a_text_is_searched_in_names_urls_and_ids(stored: Stored, queries: Queries) -> None:
    await engine(stored)
    assert await names_by_page(queries, 2, "OPEN") == [["open-5", "open-7"], ["open-9"]]
    assert await names_by_page(queries, 9, "probing.example") == [["probing"]]
    (only,) = (await queries.circuits.board(text="paused")).items
    page = await queries.circuits.board(text=only.endpoint_id)
    assert [circuit.endpoint_name for circuit in page.items] == ["paused"]
    assert page.total == 1
    assert (await queries.circuits.board(text="100 %_")).total == 0


async def test_a_change_of_state_between_pages_moves_no_other_endpoint(
    stored: Stored, queries: Queries
) -> None:
    await engine(stored)
    first = await queries.circuits.board(limit=6)
    last = first.items[-1]
    await stored.change(CIRCUITS, last.endpoint_id, state="open", failure_count=99)
    second = await queries.circuits.board(first.next_cursor, limit=6)
    assert [circuit.endpoint_name for circuit in second.items] == OPEN_FIRST[6:]


async def test_a_page_continues_after_an_endpoint_that_was_deleted(stored: Stored, queries: Queries) -> None:
    await engine(stored)
    first = await queries.circuits.board(limit=6)
    await stored.change(ENDPOINTS, first.items[-1].endpoint_id, deleted_at=stored.now)
    second = await queries.circuits.board(first.next_cursor, limit=6)
    assert [circuit.endpoint_name for circuit in second.items] == OPEN_FIRST[6:]
    assert second.total == 11


async def test_invalid_cursors_limits_and_texts_are_refused(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    unknown = Cursor(f"ep_{'0' * 26}", stored.now, (0,))
    for cursor in (
        "garbage",
        str(Cursor(endpoint_id, stored.now)),
        str(unknown),
        str(Cursor("dlv_1", stored.now)),
    ):
        with pytest.raises(InvalidInput, match="cursor"):
            await queries.circuits.board(cursor)
    for limit in (0, 501):
        with pytest.raises(InvalidInput, match="limit"):
            await queries.endpoints.list(limit=limit)
    with pytest.raises(InvalidInput, match="q"):
        await queries.endpoints.list(text="nul\0")


async def test_the_circuits_of_some_endpoints_are_read_together(stored: Stored, queries: Queries) -> None:
    await engine(stored)
    some = [circuit.endpoint_id for circuit in (await queries.circuits.board(limit=4)).items]
    page = await queries.circuits.by_ids([*some[::-1], "ep_unknown"])
    assert [circuit.endpoint_id for circuit in page] == some
    assert await queries.circuits.by_ids([]) == ()
