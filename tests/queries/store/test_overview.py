"""The overview: what fails, what is held, and whether Breakwater is healthy."""

from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries import Queries
from tests.contract.recorded_sql import recorded_reads
from tests.contract.stored import Stored, opened


async def test_the_overview_of_a_quiet_service(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    await stored.delivery(endpoint_id, "delivered")
    await stored.counted(endpoint_id, stored.now, "success", 3, 1204)
    overview = await queries.overview.now()
    assert overview.sentence == "The endpoint is accepting deliveries. 1,204 delivered in the last hour."
    assert not overview.needs_attention
    assert overview.oldest_pending is None
    assert overview.open_circuits == ()


async def test_the_overview_names_failing_endpoints_and_the_backlog(stored: Stored, queries: Queries) -> None:
    dark, fine = await stored.endpoint("billing.example"), await stored.endpoint("fine")
    await stored.circuit(dark, opened(stored.now))
    oldest = await stored.delivery(dark)
    await stored.delivery(dark)
    await stored.delivery(fine, "in_flight", lease_until=stored.now + 20)
    await stored.delivery(fine, "failed")
    await stored.audit_entry("circuit.reset", dark)
    overview = await queries.overview.now()
    assert overview.sentence == (
        "One endpoint is failing (billing.example). 2 deliveries are on hold. Breakwater is healthy."
    )
    assert overview.needs_attention
    assert [circuit.endpoint_id for circuit in overview.open_circuits] == [dark]
    assert overview.oldest_pending is not None
    assert overview.oldest_pending.id == oldest
    assert [str(n) for n in (overview.pending, overview.in_flight, overview.failed_last_24h)] == [
        "2",
        "1",
        "1",
    ]
    assert [action.action for action in overview.recent_actions] == ["circuit.reset"]


async def test_the_overview_does_not_blame_others_for_a_stopped_task(stored: Stored) -> None:
    tasks = (TaskHealth("sweeper", False, 2, "OSError: disk"),)
    overview = await Queries(stored.database, stored.clock, lambda: tasks).overview.now()
    assert overview.sentence == "Breakwater is degraded: the sweeper is not running (OSError: disk)."
    assert overview.tasks == tasks


async def test_the_overview_takes_the_same_queries_for_any_number_of_circuits(
    stored: Stored, queries: Queries
) -> None:
    counts = []
    for number in range(3):
        with recorded_reads() as statements:
            await queries.overview.now()
        counts.append(len(statements))
        endpoint_id = await stored.endpoint(f"e{number}", state=EndpointState.ENABLED.value)
        await stored.circuit(endpoint_id, opened(stored.now))
    assert set(counts) == {8}


async def test_an_endpoint_whose_attempts_fail_is_named_although_its_circuit_is_closed(
    stored: Stored, queries: Queries
) -> None:
    tax, fine = await stored.endpoint("Tax office"), await stored.endpoint("fine")
    old = await stored.endpoint("fixed long ago")
    gone = await stored.endpoint("gone", deleted_at=stored.now)
    await stored.counted(tax, stored.now - 600, "client_error", 3, 9)
    await stored.counted(fine, stored.now, "success", 3, 80)
    await stored.counted(old, stored.now - 1_000, "client_error", 3, 50)
    await stored.counted(gone, stored.now, "client_error", 3, 50)
    overview = await queries.overview.now()
    assert overview.sentence.startswith("One endpoint is failing (Tax office): client error (4xx).")
    assert [(group.cause, group.endpoints) for group in overview.failing] == [
        ("client_error", ((tax, "Tax office"),))
    ]


async def test_an_endpoint_that_succeeded_in_a_later_minute_is_not_failing(
    stored: Stored, queries: Queries
) -> None:
    recovered, failing = await stored.endpoint("recovered"), await stored.endpoint("failing")
    for bucket, (endpoint_id, success_at) in enumerate(((recovered, 60), (failing, 600))):
        await stored.counted(endpoint_id, stored.now - 300, "timeout", bucket, 2)
        await stored.counted(endpoint_id, stored.now - 120, "timeout", bucket + 5, 2)
        await stored.counted(endpoint_id, stored.now - success_at, "success", bucket, 1)
    overview = await queries.overview.now()
    assert [group.endpoints for group in overview.failing] == [((failing, "failing"),)]
