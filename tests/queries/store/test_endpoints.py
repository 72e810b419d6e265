"""Endpoints with their circuit and traffic, and the options of select fields."""

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.latency import bucket_of, upper_ms
from breakwater.core.queries import Queries
from breakwater.core.store.schema import ENDPOINTS
from tests.contract.recorded_sql import recorded_reads
from tests.contract.stored import Stored, opened


async def test_endpoints_are_listed_with_their_circuit_and_traffic(stored: Stored, queries: Queries) -> None:
    good, bad = await stored.endpoint("good"), await stored.endpoint("bad")
    await stored.counted(good, stored.now, "success", bucket_of(20), 9)
    await stored.counted(bad, stored.now, "timeout", bucket_of(10_000), 3)
    await stored.circuit(bad, opened(stored.now))
    with recorded_reads() as statements:
        worst, best = (await queries.endpoints.list()).items
    assert len(statements) == 4
    assert (worst.endpoint.name, worst.circuit.state, worst.traffic.successes) == (
        "bad",
        CircuitState.OPEN,
        0,
    )
    assert (best.endpoint.name, best.traffic.attempts, best.traffic.success_share) == ("good", 9, 1.0)
    bucket = bucket_of(20)
    assert best.traffic.latency.p95 is not None
    assert upper_ms(bucket - 1) < best.traffic.latency.p95 <= upper_ms(bucket)
    assert sum(successes for _, successes, _ in best.traffic.series) == 9


async def test_one_endpoint_is_shown_as_in_the_list(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint(
        "billing", event_types=["order.paid"], headers={"Authorization": "Bearer x"}
    )
    await stored.counted(endpoint_id, stored.now, "success", 3, 2)
    summary = await queries.endpoints.get(endpoint_id)
    assert summary.endpoint.event_types == ("order.paid",)
    assert "Bearer" not in str(summary)
    assert summary.traffic.attempts == 2


async def test_a_deleted_endpoint_is_in_no_list(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    await stored.change(ENDPOINTS, endpoint_id, deleted_at=stored.now)
    assert (await queries.endpoints.list()).items == ()
    assert (await queries.circuits.board()).items == ()
    assert await queries.endpoints.options("bil") == ()


async def test_endpoints_and_event_types_are_offered_as_options(stored: Stored, queries: Queries) -> None:
    billing = await stored.endpoint("Billing")
    await stored.endpoint("shop", url="https://bill.example/100%_off")
    await stored.endpoint("other", adhoc_key="k", url="https://adhoc.example/")
    for event_type in ("order.paid", "Invoice.sent", "order.created", "order.paid"):
        await stored.delivery(billing, event_type=event_type)
    assert [option.name for option in await queries.endpoints.options("bill")] == ["Billing", "shop"]
    assert [option.name for option in await queries.endpoints.options("%_")] == ["shop"]
    assert [option.name for option in await queries.endpoints.options()][-1] == "other"
    assert [option.name for option in await queries.endpoints.options(limit=2, selected_id=billing)] == [
        "Billing",
        "shop",
    ]
    await stored.change(ENDPOINTS, billing, deleted_at=stored.now)
    assert [option.name for option in await queries.endpoints.options(selected_id=billing)] == [
        "Billing",
        "shop",
        "other",
    ]
    assert await queries.deliveries.event_types() == ("Invoice.sent", "order.created", "order.paid")
    assert await queries.deliveries.event_types("ORDER.P") == ("order.paid",)
    assert await queries.deliveries.event_types("i") == ("Invoice.sent", "order.paid")
