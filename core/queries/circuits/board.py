"""One row per endpoint with its circuit, for the circuit board and the list of endpoints."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitBreaker, CircuitState
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.circuits.pages import (
    MAX_PAGE_ENDPOINTS,
    Place,
    cursor_after,
    lanes,
    open_first,
    page_subquery,
    read_position,
    states_statement,
    text_conditions,
)
from breakwater.core.queries.circuits.sentence import (
    CircuitSnapshot,
    circuit_sentence,
    live_permits,
    reset_consequence,
)
from breakwater.core.queries.paging.bounds import bounded
from breakwater.core.queries.rows import (
    Row,
    count_backlog,
    last_cause,
    last_error,
    prefixed_columns,
    to_breaker,
    without_prefix,
)
from breakwater.core.store.schema import CIRCUITS, ENDPOINTS

BACKLOG_BOUND: Final = 10_000


@dataclass(frozen=True, slots=True)
class EndpointRows:
    """One page of endpoints as they are stored."""

    rows: list[Row]
    next_cursor: str | None
    states: dict[CircuitState, int]


async def read_endpoint_page(
    connection: AsyncConnection, cursor: str | None, limit: int, text: str, now: float
) -> EndpointRows:
    """Return one page of endpoints, and how many match. Raises InvalidInput naming `cursor`, `limit` or `q`."""
    if not 1 <= limit <= MAX_PAGE_ENDPOINTS:
        raise InvalidInput.of("limit", f"Invalid limit. Use a number from 1 to {MAX_PAGE_ENDPOINTS}.")
    conditions = text_conditions(text)
    after = await read_position(connection, cursor, now)
    rows = await read_endpoint_rows(connection, *conditions, after=after, limit=limit + 1)
    states = dict.fromkeys(CircuitState, 0)
    states |= {
        CircuitState(state): count for state, count in await connection.execute(states_statement(*conditions))
    }
    next_cursor = cursor_after(rows[limit - 1], now) if len(rows) > limit else None
    return EndpointRows(rows[:limit], next_cursor, states)


async def read_endpoint_rows(
    connection: AsyncConnection,
    *conditions: ColumnElement[bool],
    after: Place | None = None,
    limit: int = MAX_PAGE_ENDPOINTS,
) -> list[Row]:
    """Return endpoints that are not deleted, with their circuits, backlogs and last errors."""
    statement = endpoint_rows_statement(*conditions, after=after, limit=limit)
    return list((await connection.execute(statement)).mappings().all())


def endpoint_rows_statement(
    *conditions: ColumnElement[bool], after: Place | None = None, limit: int = MAX_PAGE_ENDPOINTS
) -> Select[*tuple[Any, ...]]:
    """Return the statement of `read_endpoint_rows`. It reads details only for the endpoints of the page."""
    page = page_subquery(*conditions, after=after, limit=limit)
    return (
        select(
            *prefixed_columns(ENDPOINTS, "endpoint__"),
            *prefixed_columns(CIRCUITS, "circuit__"),
            page.c.rank,
            count_backlog(BACKLOG_BOUND).label("backlog"),
            last_error().label("last_error"),
            last_cause().label("last_cause"),
        )
        .select_from(page.join(lanes(), ENDPOINTS.c.id == page.c.id))
        .order_by(*open_first(page))
    )


def is_not_closed() -> ColumnElement[bool]:
    """Return the condition on a circuit that is open or half-open."""
    return CIRCUITS.c.state != CircuitState.CLOSED.value


def circuit_views(rows: Iterable[Row], now: float) -> tuple[CircuitView, ...]:
    """Return the circuits of rows, in the order in which they were read."""
    return tuple(circuit_view(row, now) for row in rows)


def circuit_view(row: Row, now: float) -> CircuitView:
    """Return the circuit of one row."""
    endpoint = without_prefix(row, "endpoint__")
    breaker = to_breaker(endpoint, without_prefix(row, "circuit__"))
    snapshot = CircuitSnapshot(
        now=now,
        breaker=breaker,
        backlog=bounded(row["backlog"], BACKLOG_BOUND),
        max_in_flight=endpoint["max_in_flight"],
        endpoint_state=EndpointState(endpoint["state"]),
        opening_cause=None if breaker.state is CircuitState.CLOSED else row["last_cause"],
    )
    return _view(endpoint, snapshot, breaker, row["last_error"])


def _view(
    endpoint: Row, snapshot: CircuitSnapshot, breaker: CircuitBreaker, error: str | None
) -> CircuitView:
    calls, failures = breaker.recent(now=snapshot.now)
    hold = breaker.hold
    return CircuitView(
        endpoint_id=endpoint["id"],
        endpoint_name=endpoint["name"],
        webhook_url=endpoint["url"],
        endpoint_state=snapshot.endpoint_state,
        state=breaker.state,
        on_hold=hold is not None and not hold.is_over(snapshot.now),
        hold_reason=hold.reason if hold else None,
        hold_until=hold.until if hold else None,
        held_by=hold.by if hold else None,
        failure_count=breaker.failure_count,
        success_count=breaker.success_count,
        half_open_calls=live_permits(breaker, snapshot.now),
        window_failures=failures,
        window_calls=calls,
        opened_at=breaker.opened_at,
        retry_at=breaker.retry_at,
        backlog=snapshot.backlog,
        last_error=error,
        last_failure_at=breaker.last_failure_time,
        config=breaker.config,
        sentence=circuit_sentence(snapshot),
        reset_consequence=reset_consequence(snapshot),
        opening_cause=snapshot.opening_cause,
        reopenings=breaker.reopenings,
    )
