"""Failures grouped by cause across endpoints."""

import pytest

from breakwater.core.domain.states import FailureClass
from breakwater.core.queries import Queries
from breakwater.core.queries.deliveries import causes
from breakwater.core.queries.paging.filters import DeliveryFilter
from tests.contract.stored import Stored


async def fail(stored: Stored, endpoint_id: str, failure: str, error: str, **values: object) -> str:
    return await stored.delivery(
        endpoint_id, "failed", failure_class=failure, error=error, attempt_count=1, **values
    )


async def test_failures_are_grouped_by_cause_across_endpoints(stored: Stored, queries: Queries) -> None:
    first, second = await stored.endpoint("a"), await stored.endpoint("b")
    oldest = stored.now + 1
    for _ in range(3):
        await fail(stored, first, "dns", "a.example does not resolve")
    await fail(stored, second, "dns", "b.example does not resolve")
    await fail(stored, second, "server_error", "503 Service Unavailable")
    await stored.delivery(first, "delivered")
    groups = await queries.deliveries.causes(DeliveryFilter())
    assert [(group.failure_class, group.error, str(group.count)) for group in groups.items] == [
        (FailureClass.DNS, "… does not resolve", "4"),
        (FailureClass.SERVER_ERROR, "503 Service Unavailable", "1"),
    ]
    dns = groups.items[0]
    assert dns.endpoints == ((first, "a"), (second, "b"))
    assert dns.endpoint_count == 2
    assert dns.first_seen == oldest
    assert dns.last_seen == oldest + 3.5
    assert groups.search_bounds is None


async def test_the_link_of_a_group_lists_just_the_group(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    for number in range(4):
        await fail(stored, endpoint_id, "connect", f"connection to 203.0.113.{number}:443 refused")
    await fail(stored, endpoint_id, "connect", "connection reset")
    await fail(stored, endpoint_id, "timeout", "no response within 10 s, 100% lost")
    for group in (await queries.deliveries.causes(DeliveryFilter())).items:
        filters = DeliveryFilter.from_query(group.query)
        assert (await queries.deliveries.count(filters)).value == group.count.value


async def test_groups_respect_the_filter(stored: Stored, queries: Queries) -> None:
    first, second = await stored.endpoint("a"), await stored.endpoint("b")
    await fail(stored, first, "dns", "no such name", event_type="order.paid")
    await fail(stored, second, "dns", "no such name")
    await stored.delivery(second, "pending", failure_class="tls", error="handshake failed", attempt_count=1)

    async def counted(**values: str) -> list[tuple[str, int]]:
        groups = await queries.deliveries.causes(
            DeliveryFilter.parse({k.rstrip("_"): v for k, v in values.items()})
        )
        return [(group.failure_class.value, group.count.value) for group in groups.items]

    assert await counted(endpoint=first) == [("dns", 1)]
    assert await counted(status="failed") == [("dns", 2)]
    assert await counted(status="retrying") == [("tls", 1)]
    assert await counted(event_type="order.paid") == [("dns", 1)]
    assert await counted(class_="tls") == [("tls", 1)]
    assert await counted(q="such name") == [("dns", 2)]
    assert await counted(q="nothing") == []


async def test_many_failures_of_one_class_hide_no_other_class(
    stored: Stored, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(causes, "GROUPED_PER_CLASS", 3)
    endpoint_id = await stored.endpoint()
    await fail(stored, endpoint_id, "tls", "handshake failed")
    for _ in range(5):
        await fail(stored, endpoint_id, "connect", "connection refused")
    groups = await queries.deliveries.causes(DeliveryFilter())
    assert [(group.failure_class.value, str(group.count)) for group in groups.items] == [
        ("connect", "3+"),
        ("tls", "1"),
    ]
    assert groups.search_bounds is not None
    assert groups.search_bounds.sentence.startswith("Searched ")
