"""The circuit board: open circuits first, by name, counted, and in a constant number of statements."""

from breakwater.core.domain.circuit import CircuitBreaker, CircuitState, Hold
from breakwater.core.queries import Queries
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.store.schema import CIRCUITS
from tests.contract.recorded_sql import recorded_reads
from tests.contract.stored import Stored, opened


async def test_open_circuits_come_first_and_keep_their_place_while_they_alternate(
    stored: Stored, queries: Queries
) -> None:
    for name, backlog, state in (
        ("closed", 0, "closed"),
        ("a-open", 1, "open"),
        ("b-half-open", 9, "half_open"),
        ("c-open", 3, "open"),
        ("paused", 2, "paused"),
    ):
        endpoint_id = await stored.endpoint(name, state="paused" if state == "paused" else "enabled")
        breaker = opened(stored.now) if state in {"open", "half_open"} else CircuitBreaker()
        if state == "half_open":
            breaker.probe(now=stored.now)
        await stored.circuit(endpoint_id, breaker)
        for _ in range(backlog):
            await stored.delivery(endpoint_id)
    board = (await queries.circuits.board()).items
    names = [circuit.endpoint_name for circuit in board]
    assert names == ["a-open", "b-half-open", "c-open", "paused", "closed"]
    await stored.change(
        CIRCUITS, board[0].endpoint_id, state="half_open", failure_count=99, opened_at=stored.now + 9
    )
    await stored.change(CIRCUITS, board[1].endpoint_id, state="open")
    again = [circuit.endpoint_name for circuit in (await queries.circuits.board()).items]
    assert again == names


async def test_a_circuit_view_has_state_counts_backlog_and_last_error(
    stored: Stored, queries: Queries
) -> None:
    endpoint_id = await stored.endpoint("billing", circuit={"timeout_seconds": 30.0})
    for _ in range(2):
        delivery_id = await stored.delivery(endpoint_id)
    await stored.attempt(delivery_id, endpoint_id, 1, failure_class="connect", error="connection refused")
    await stored.attempt(delivery_id, endpoint_id, 2)
    await stored.circuit(endpoint_id, opened(stored.now))
    await stored.transition(endpoint_id, "5 consecutive failures")
    circuit = await queries.circuits.get(endpoint_id)
    assert circuit.state is CircuitState.OPEN
    assert circuit.backlog == BoundedCount(2)
    assert circuit.last_error == "connection refused"
    assert circuit.last_failure_at == circuit.opened_at == stored.now
    assert circuit.failure_count == 5
    assert circuit.config.timeout_seconds == 30.0
    assert circuit.opening_cause == "5 consecutive failures"
    assert "(5 consecutive failures). 2 waiting. Next probe at " in circuit.sentence
    assert circuit.reset_consequence.startswith("Closes the circuit and releases 2 held deliveries")


async def test_a_new_endpoint_has_a_closed_circuit(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    circuit = await queries.circuits.get(endpoint_id)
    assert (circuit.state, circuit.last_error, circuit.opening_cause) == (CircuitState.CLOSED, None, None)
    assert circuit.sentence == "Closed: deliveries are sent."


async def test_a_hold_is_shown_with_its_actor(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    breaker = CircuitBreaker()
    hold = Hold(reason="moves", since=stored.now, until=stored.now + 60, by="person:ada")
    breaker.hold_open(now=stored.now, hold=hold)
    await stored.circuit(endpoint_id, breaker)
    circuit = await queries.circuits.get(endpoint_id)
    assert (circuit.on_hold, circuit.held_by, circuit.hold_reason) == (True, "person:ada", "moves")
    await stored.clock.advance(61)
    assert not (await queries.circuits.get(endpoint_id)).on_hold


async def test_the_board_takes_two_queries_for_any_number_of_circuits(
    stored: Stored, queries: Queries
) -> None:
    for number in range(6):
        await stored.endpoint(f"e{number}")
    with recorded_reads() as statements:
        assert len((await queries.circuits.board()).items) == 6
    assert len(statements) == 2


async def test_transitions_are_read_for_one_circuit_or_for_all(stored: Stored, queries: Queries) -> None:
    first, second = await stored.endpoint("a"), await stored.endpoint("b")
    await stored.transition(first, "5 consecutive failures", attempt_id="att_1")
    await stored.transition(second, "reset by person:ada", actor="person:ada", to_state="closed")
    both = await queries.circuits.transitions()
    assert [(t.endpoint_name, t.to_state, t.actor) for t in both] == [
        ("b", "closed", "person:ada"),
        ("a", "open", None),
    ]
    (transition,) = await queries.circuits.transitions(first)
    assert (transition.cause, transition.attempt_id, transition.failure_count) == (
        "5 consecutive failures",
        "att_1",
        5,
    )
