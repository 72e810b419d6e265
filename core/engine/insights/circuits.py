"""The circuit board, and the list of endpoints beside it: one row a lane, read together."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.domain.circuit import CircuitBreaker, CircuitState
from core.domain.errors import NotFound
from core.domain.states import EndpointState
from core.engine.insights.circuit_words import CircuitFacts, circuit_sentence, live_permits, reset_consequence
from core.engine.insights.joined import (
    Row,
    backlog_of_lane,
    bounded,
    breaker_of,
    columns_of,
    last_cause,
    last_error,
    part_of,
)
from core.engine.insights.models import CircuitView
from core.ports import Clock
from core.sql.engine import Database
from core.sql.statements.rows import CIRCUITS, ENDPOINTS

BACKLOG_BOUND: Final = 10_000
LANES_SHOWN: Final = 500
"""Of the lanes with a closed circuit, those of ad-hoc endpoints come last and are cut first."""


class CircuitBoard:
    """Reads circuits with what an operator needs to decide about them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> tuple[CircuitView, ...]:
        """Return the circuits of all endpoints (500 at most), worst first, in one query."""
        async with self._database.read() as connection:
            rows = await read_lanes(connection)
        return circuits_of(rows, self._clock.now())

    async def of(self, endpoint_id: str) -> CircuitView:
        """Return the circuit of one endpoint. Raises NotFound."""
        async with self._database.read() as connection:
            rows = await read_lanes(connection, ENDPOINTS.c.id == endpoint_id)
        if not rows:
            raise NotFound("endpoint", endpoint_id)
        return circuit_view(rows[0], self._clock.now())


async def read_lanes(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[Row]:
    """Return endpoints that are not deleted, with their circuits, backlogs and last errors."""
    return list((await connection.execute(lanes_statement(*conditions))).mappings().all())


def lanes_statement(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Return the statement of `read_lanes`: what is not closed first, then named endpoints, then ad-hoc ones."""
    closed = case((CIRCUITS.c.state.is_(None) | (CIRCUITS.c.state == CircuitState.CLOSED.value), 1), else_=0)
    return (
        select(
            *columns_of(ENDPOINTS, "endpoint__"),
            *columns_of(CIRCUITS, "circuit__"),
            backlog_of_lane(BACKLOG_BOUND).label("backlog"),
            last_error().label("last_error"),
            last_cause().label("last_cause"),
        )
        .select_from(ENDPOINTS.outerjoin(CIRCUITS, CIRCUITS.c.endpoint_id == ENDPOINTS.c.id))
        .where(ENDPOINTS.c.deleted_at.is_(None), *conditions)
        .order_by(closed, ENDPOINTS.c.adhoc_key.is_not(None), ENDPOINTS.c.name, ENDPOINTS.c.id)
        .limit(LANES_SHOWN)
    )


def is_not_closed() -> ColumnElement[bool]:
    """Return the condition for the lanes of the overview."""
    return CIRCUITS.c.state != CircuitState.CLOSED.value


def circuits_of(rows: Iterable[Row], now: float) -> tuple[CircuitView, ...]:
    """Return the circuits of lanes, worst first: by state, then backlog, then failures."""
    return tuple(sorted((circuit_view(row, now) for row in rows), key=_how_well))


_ORDER: Final = {CircuitState.OPEN: 0, CircuitState.HALF_OPEN: 1, CircuitState.CLOSED: 2}


def _how_well(circuit: CircuitView) -> tuple[int, int, int, str, str]:
    waits = circuit.endpoint_state is not EndpointState.ENABLED and circuit.backlog.value > 0
    state = min(_ORDER[circuit.state], 1) if waits else _ORDER[circuit.state]
    return state, -circuit.backlog.value, -circuit.failure_count, circuit.endpoint_name, circuit.endpoint_id


def circuit_view(row: Row, now: float) -> CircuitView:
    """Return the circuit of one lane."""
    endpoint = part_of(row, "endpoint__")
    breaker = breaker_of(endpoint, part_of(row, "circuit__"))
    facts = CircuitFacts(
        now=now,
        breaker=breaker,
        backlog=bounded(row["backlog"], BACKLOG_BOUND),
        max_in_flight=endpoint["max_in_flight"],
        endpoint_state=EndpointState(endpoint["state"]),
        opening_cause=None if breaker.state is CircuitState.CLOSED else row["last_cause"],
    )
    return _view(endpoint, facts, breaker, row["last_error"])


def _view(endpoint: Row, facts: CircuitFacts, breaker: CircuitBreaker, error: str | None) -> CircuitView:
    calls, failures = breaker.recent(now=facts.now)
    hold = breaker.hold
    return CircuitView(
        endpoint_id=endpoint["id"],
        endpoint_name=endpoint["name"],
        webhook_url=endpoint["url"],
        endpoint_state=facts.endpoint_state,
        state=breaker.state,
        held_open=hold is not None and not hold.is_over(facts.now),
        hold_reason=hold.reason if hold else None,
        hold_until=hold.until if hold else None,
        held_by=hold.by if hold else None,
        failure_count=breaker.failure_count,
        success_count=breaker.success_count,
        half_open_calls=live_permits(breaker, facts.now),
        window_failures=failures,
        window_calls=calls,
        opened_at=breaker.opened_at,
        retry_at=breaker.retry_at,
        backlog=facts.backlog,
        last_error=error,
        last_failure_at=breaker.last_failure_time,
        config=breaker.config,
        sentence=circuit_sentence(facts),
        reset_consequence=reset_consequence(facts),
        opening_cause=facts.opening_cause,
        reopenings=breaker.reopenings,
    )
