"""The audit log: newest first, and found by actor, action and subject."""

import pytest

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.queries import Queries, audit
from breakwater.core.queries.paging.filters import DeliveryFilter
from tests.contract.stored import Stored


async def test_audit_entries_are_paged_newest_first(stored: Stored, queries: Queries) -> None:
    ids = [await stored.audit_entry("delivery.resend", "dlv_1", detail={"n": number}) for number in range(5)]
    first = await queries.audit.list(limit=2)
    second = await queries.audit.list(first.next_cursor, limit=2)
    third = await queries.audit.list(second.next_cursor, limit=2)
    assert [entry.id for page in (first, second, third) for entry in page.items] == ids[::-1]
    assert third.next_cursor is None
    assert first.items[0].detail == {"n": 4}


async def test_audit_entries_are_filtered_by_all_parameters(stored: Stored, queries: Queries) -> None:
    reset = await stored.audit_entry("circuit.reset", "ep_1", "person:ada")
    resend = await stored.audit_entry("delivery.resend", "dlv_1", "person:ada")
    other = await stored.audit_entry("circuit.reset", "ep_2", "key:ci")

    async def find_ids(**filters: str) -> list[str]:
        return [entry.id for entry in (await queries.audit.list(**filters)).items]  # type: ignore[arg-type]

    assert await find_ids(actor="person:ada") == [resend, reset]
    assert await find_ids(action="circuit.reset") == [other, reset]
    assert await find_ids(subject="ep_1") == [reset]
    assert await find_ids(actor="person:ada", action="circuit.reset") == [reset]
    assert await find_ids(actor="person:ada", subject="ep_2") == []


async def test_a_rare_action_of_a_busy_person_is_found_over_several_pages(
    stored: Stored, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_SCAN_LIMIT", 2)
    rare = await stored.audit_entry("circuit.reset", "ep_1")
    for _ in range(3):
        await stored.audit_entry("delivery.resend", "dlv_1")
    page = await queries.audit.list(actor="person:ada", action="circuit.reset")
    assert page.items == ()
    assert page.search_bounds is not None
    page = await queries.audit.list(page.next_cursor, actor="person:ada", action="circuit.reset")
    assert [entry.id for entry in page.items] == [rare]


async def test_a_cursor_of_deliveries_does_not_page_the_audit(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    for _ in range(2):
        await stored.delivery(endpoint_id)
    cursor = (await queries.deliveries.list(DeliveryFilter(), limit=1)).next_cursor
    with pytest.raises(InvalidInput, match="from another list"):
        await queries.audit.list(cursor)
