"""The overview, the circuit board and the endpoints: worst first, counted, and in a constant number of queries."""

from breakwater.core.domain.circuit import CircuitBreaker, CircuitState, Hold
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.latency import bucket_of, upper_ms
from breakwater.core.domain.states import EndpointState
from breakwater.core.maintenance.stats_rollup import StatsRollup
from breakwater.core.queries import Queries
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.traffic.charts import CHARTS_KEPT
from breakwater.core.store.schema import ENDPOINTS
from tests.contract.recorded_sql import reads_asked
from tests.contract.stored import Stored, opened

# --- circuits


async def test_the_board_is_sorted_worst_first(stored: Stored, queries: Queries) -> None:
    for name, backlog, state in (
        ("calm", 0, "closed"),
        ("open-small", 1, "open"),
        ("open-large", 3, "open"),
        ("probing", 9, "half_open"),
        ("paused-waiting", 2, "paused"),
    ):
        endpoint_id = await stored.endpoint(name, state="paused" if state == "paused" else "enabled")
        breaker = opened(stored.now) if state in {"open", "half_open"} else CircuitBreaker()
        if state == "half_open":
            breaker.probe(now=stored.now)
        await stored.circuit(endpoint_id, breaker)
        for _ in range(backlog):
            await stored.delivery(endpoint_id)
    names = [circuit.endpoint_name for circuit in (await queries.circuits.board()).items]
    assert names == ["open-large", "open-small", "probing", "paused-waiting", "calm"]


async def test_a_circuit_has_what_an_operator_needs_to_decide(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing", circuit={"timeout_seconds": 30.0})
    for _ in range(2):
        delivery_id = await stored.delivery(endpoint_id)
    await stored.attempt(delivery_id, endpoint_id, 1, failure_class="connect", error="connection refused")
    await stored.attempt(delivery_id, endpoint_id, 2)
    await stored.circuit(endpoint_id, opened(stored.now))
    await stored.transition(endpoint_id, "5 failures in a row")
    circuit = await queries.circuits.get(endpoint_id)
    assert circuit.state is CircuitState.OPEN
    assert circuit.backlog == BoundedCount(2)
    assert circuit.last_error == "connection refused"
    assert circuit.last_failure_at == circuit.opened_at == stored.now
    assert circuit.failure_count == 5
    assert circuit.config.timeout_seconds == 30.0
    assert circuit.opening_cause == "5 failures in a row"
    assert "(5 failures in a row): 2 deliveries wait; next probe at " in circuit.sentence
    assert circuit.reset_consequence.startswith("Closes the circuit now. 2 held deliveries follow")


async def test_an_endpoint_that_was_never_called_is_closed(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    circuit = await queries.circuits.get(endpoint_id)
    assert (circuit.state, circuit.last_error, circuit.opening_cause) == (CircuitState.CLOSED, None, None)
    assert circuit.sentence == "Closed: deliveries go out."


async def test_a_hold_is_shown_with_its_owner(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    breaker = CircuitBreaker()
    hold = Hold(reason="moves", since=stored.now, until=stored.now + 60, by="person:ada")
    breaker.hold_open(now=stored.now, hold=hold)
    await stored.circuit(endpoint_id, breaker)
    circuit = await queries.circuits.get(endpoint_id)
    assert (circuit.held_open, circuit.held_by, circuit.hold_reason) == (True, "person:ada", "moves")
    await stored.clock.advance(61)
    assert not (await queries.circuits.get(endpoint_id)).held_open


async def test_the_board_costs_two_queries_for_any_number_of_circuits(
    stored: Stored, queries: Queries
) -> None:
    for number in range(6):
        await stored.endpoint(f"e{number}")
    with reads_asked() as asked:
        assert len((await queries.circuits.board()).items) == 6
    assert len(asked) == 2


# --- endpoints


async def test_endpoints_come_with_their_circuit_and_their_traffic(stored: Stored, queries: Queries) -> None:
    good, bad = await stored.endpoint("good"), await stored.endpoint("bad")
    await stored.counted(good, stored.now, "success", bucket_of(20), 9)
    await stored.counted(bad, stored.now, "timeout", bucket_of(10_000), 3)
    await stored.circuit(bad, opened(stored.now))
    with reads_asked() as asked:
        worst, best = (await queries.endpoints.list()).items
    assert len(asked) == 4
    assert (worst.endpoint.name, worst.circuit.state, worst.traffic.successes) == (
        "bad",
        CircuitState.OPEN,
        0,
    )
    assert (best.endpoint.name, best.traffic.attempts, best.traffic.success_share) == ("good", 9, 1.0)
    assert best.traffic.latency.p95 == upper_ms(bucket_of(20))
    assert sum(successes for _, successes, _ in best.traffic.series) == 9


async def test_one_endpoint_is_shown_like_in_the_list(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint(
        "billing", event_types=["order.paid"], headers={"Authorization": "Bearer x"}
    )
    await stored.counted(endpoint_id, stored.now, "success", 3, 2)
    summary = await queries.endpoints.get(endpoint_id)
    assert summary.endpoint.event_types == ("order.paid",)
    assert "Bearer" not in str(summary)
    assert summary.traffic.attempts == 2


async def test_a_deleted_endpoint_is_gone_from_every_list(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    await stored.change(ENDPOINTS, endpoint_id, deleted_at=stored.now)
    assert (await queries.endpoints.list()).items == ()
    assert (await queries.circuits.board()).items == ()
    assert await queries.endpoints.options("bil") == ()


async def test_endpoints_and_event_types_are_offered_to_choose_from(stored: Stored, queries: Queries) -> None:
    billing = await stored.endpoint("Billing")
    await stored.endpoint("shop", url="https://bill.example/100%_off")
    await stored.endpoint("other", adhoc_key="k", url="https://adhoc.example/")
    for event_type in ("order.paid", "Invoice.sent", "order.created", "order.paid"):
        await stored.delivery(billing, event_type=event_type)
    assert [option.name for option in await queries.endpoints.options("bill")] == ["Billing", "shop"]
    assert [option.name for option in await queries.endpoints.options("%_")] == ["shop"]
    assert [option.name for option in await queries.endpoints.options()][-1] == "other"
    assert [option.name for option in await queries.endpoints.options(limit=2, chosen=billing)] == [
        "Billing",
        "shop",
    ]
    await stored.change(ENDPOINTS, billing, deleted_at=stored.now)
    assert [option.name for option in await queries.endpoints.options(chosen=billing)] == [
        "Billing",
        "shop",
        "other",
    ]
    assert await queries.deliveries.event_types() == ("Invoice.sent", "order.created", "order.paid")
    assert await queries.deliveries.event_types("ORDER.P") == ("order.paid",)
    assert await queries.deliveries.event_types("i") == ("Invoice.sent", "order.paid")


# --- traffic


async def test_traffic_is_of_one_endpoint_or_of_all(stored: Stored, queries: Queries) -> None:
    first, second = await stored.endpoint("a"), await stored.endpoint("b")
    await stored.counted(first, stored.now, "success", 3, 5)
    await stored.counted(second, stored.now - 61, "dns", 1, 2)
    await stored.counted(second, stored.now - 4000, "dns", 1, 7)
    everything, one = await queries.traffic.get(), await queries.traffic.get(first)
    assert (everything.attempts, everything.by_outcome) == (7, {"success": 5, "dns": 2})
    assert (one.attempts, one.successes) == (5, 5)
    assert len(everything.series) == 60
    assert everything.series[-1][1:] == (5, 0)


async def test_a_long_chart_is_the_same_before_and_after_it_is_summed_up(
    stored: Stored, queries: Queries
) -> None:
    endpoint_id = await stored.endpoint()
    for minutes_ago in (0, 20, 31, 59, 61, 600, 1200, 3000, 9000):
        await stored.counted(
            endpoint_id, stored.now - minutes_ago * 60, "success", minutes_ago % 7, 1 + minutes_ago
        )
    before = [
        await queries.traffic.get(one, minutes) for one in (None, endpoint_id) for minutes in (1440, 10_080)
    ]
    summed = await StatsRollup(stored.database, stored.clock).roll_up()
    assert summed >= 5
    after = [
        await queries.traffic.get(one, minutes) for one in (None, endpoint_id) for minutes in (1440, 10_080)
    ]
    assert after == before
    assert await StatsRollup(stored.database, stored.clock).roll_up() == 0


async def test_a_long_chart_that_is_watched_is_the_same_as_one_that_is_opened_anew(
    stored: Stored, queries: Queries
) -> None:
    endpoint_id = await stored.endpoint()
    summariser = StatsRollup(stored.database, stored.clock)
    for turn in range(12):
        await stored.counted(endpoint_id, stored.now, "success" if turn % 3 else "dns", turn, 1 + turn)
        await summariser.roll_up()
        opened_anew = Queries(stored.database, stored.clock, tuple)
        for one in (None, endpoint_id):
            for minutes in (1440, 10_080):
                assert await queries.traffic.get(one, minutes) == await opened_anew.traffic.get(one, minutes)
        await stored.clock.advance(17 * 60)
    assert (await queries.traffic.get(endpoint_id, 1440)).attempts == sum(range(1, 13))


async def test_charts_of_many_endpoints_do_not_mix(stored: Stored, queries: Queries) -> None:
    endpoint_ids = [await stored.endpoint(f"e{number}") for number in range(CHARTS_KEPT + 3)]
    for number, endpoint_id in enumerate(endpoint_ids):
        await stored.counted(endpoint_id, stored.now - 7200 - number * 60, "success", 3, 1 + number)
    await StatsRollup(stored.database, stored.clock).roll_up()
    for _ in range(2):  # the second time some are remembered, and some were forgotten
        found = [(await queries.traffic.get(endpoint_id, 1440)).attempts for endpoint_id in endpoint_ids]
        assert found == list(range(1, CHARTS_KEPT + 4))


async def test_only_half_hours_that_are_over_are_summed_up(stored: Stored) -> None:
    endpoint_id = await stored.endpoint()
    summariser = StatsRollup(stored.database, stored.clock)
    await stored.counted(endpoint_id, stored.now, "success", 1, 1)
    assert await summariser.roll_up() == 0
    await stored.clock.advance(32 * 60)
    assert await summariser.roll_up() == 1


# --- the overview


async def test_the_overview_of_a_quiet_service(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    await stored.delivery(endpoint_id, "delivered")
    await stored.counted(endpoint_id, stored.now, "success", 3, 1204)
    overview = await queries.overview.now()
    assert overview.sentence == "The one endpoint takes deliveries. 1,204 delivered in the last hour."
    assert overview.calm
    assert overview.oldest_undelivered is None
    assert overview.open_circuits == ()


async def test_the_overview_says_what_fails_and_what_waits(stored: Stored, queries: Queries) -> None:
    dark, fine = await stored.endpoint("billing.example"), await stored.endpoint("fine")
    await stored.circuit(dark, opened(stored.now))
    oldest = await stored.delivery(dark)
    await stored.delivery(dark)
    await stored.delivery(fine, "in_flight", lease_until=stored.now + 20)
    await stored.delivery(fine, "failed")
    await stored.deed("circuit.reset", dark)
    overview = await queries.overview.now()
    assert overview.sentence == (
        "One endpoint is failing: billing.example; its 2 deliveries are held until it recovers. "
        "Breakwater itself is healthy."
    )
    assert not overview.calm
    assert [circuit.endpoint_id for circuit in overview.open_circuits] == [dark]
    assert overview.oldest_undelivered is not None
    assert overview.oldest_undelivered.id == oldest
    assert [str(n) for n in (overview.pending, overview.in_flight, overview.failed_last_day)] == [
        "2",
        "1",
        "1",
    ]
    assert [action.action for action in overview.recent_actions] == ["circuit.reset"]


async def test_the_overview_does_not_blame_others_for_a_dead_loop(stored: Stored) -> None:
    loops = (TaskHealth("sweeper", False, 2, "OSError: disk"),)
    overview = await Queries(stored.database, stored.clock, lambda: loops).overview.now()
    assert overview.sentence == "Breakwater itself is not well: the sweeper does not run (OSError: disk)."
    assert overview.loops == loops


async def test_the_overview_costs_the_same_queries_for_any_number_of_circuits(
    stored: Stored, queries: Queries
) -> None:
    counts = []
    for number in range(3):
        with reads_asked() as asked:
            await queries.overview.now()
        counts.append(len(asked))
        endpoint_id = await stored.endpoint(f"e{number}", state=EndpointState.ENABLED.value)
        await stored.circuit(endpoint_id, opened(stored.now))
    assert set(counts) == {6}
