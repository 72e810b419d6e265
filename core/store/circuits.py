"""Circuit breakers as rows: load them, save them, and save their transitions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import (
    SERVICE_CIRCUIT,
    CircuitBreaker,
    CircuitBreakerConfig,
    CircuitState,
    Hold,
    Transition,
)
from breakwater.core.store.engine import prepared_upsert
from breakwater.core.store.schema import CIRCUITS, TRANSITIONS
from breakwater.core.store.statements import (
    ConnectionStatements,
    Prepared,
    Row,
    Statements,
    as_text,
    is_one_of,
    prepared_insert,
    run_statements,
    to_json,
)


def circuit_config(fields: Mapping[str, Any]) -> CircuitBreakerConfig:
    """Return the settings in an endpoint's `circuit` column; an empty one means the defaults of the service."""
    return CircuitBreakerConfig(**fields) if fields else SERVICE_CIRCUIT


def breaker_from(row: Mapping[Any, Any] | None, config: CircuitBreakerConfig) -> CircuitBreaker:
    """Return the breaker that `row` describes; without a row, one that has counted nothing."""
    if row is None:
        return CircuitBreaker(config)
    return CircuitBreaker(
        config,
        state=CircuitState(row["state"]),
        failure_count=row["failure_count"],
        success_count=row["success_count"],
        last_failure_time=row["last_failure_time"],
        opened_at=row["opened_at"],
        retry_at=row["retry_at"],
        reopenings=row["reopenings"],
        generation=row["generation"],
        permits=list(row["permits"]),
        window=[(second, successes, failures) for second, successes, failures in row["window"]],
        hold=_hold_from(row),
    )


def _hold_from(row: Mapping[Any, Any]) -> Hold | None:
    if row["held_at"] is None:
        return None
    return Hold(
        reason=row["hold_reason"] or "",
        since=row["held_at"],
        until=row["hold_until"],
        by=row["held_by"] or "",
    )


def circuit_values(endpoint_id: str, breaker: CircuitBreaker, now: float) -> dict[str, Any]:
    """Return the row of `breaker`."""
    hold = breaker.hold
    return {
        "endpoint_id": endpoint_id,
        "state": breaker.state.value,
        "failure_count": breaker.failure_count,
        "success_count": breaker.success_count,
        "last_failure_time": breaker.last_failure_time,
        "opened_at": breaker.opened_at,
        "retry_at": breaker.retry_at,
        "reopenings": breaker.reopenings,
        "generation": breaker.generation,
        "permits": breaker.permits,
        "window": breaker.window,
        "hold_reason": hold.reason if hold else None,
        "held_at": hold.since if hold else None,
        "hold_until": hold.until if hold else None,
        "held_by": hold.by if hold else None,
        "updated_at": now,
    }


def load_breakers(
    connection: Connection, configs: Mapping[str, CircuitBreakerConfig], *, lock: bool = True
) -> dict[str, CircuitBreaker]:
    """Return the breaker of each endpoint in `configs`; with `lock` its row is locked until the transaction ends."""
    statements = ConnectionStatements(connection)
    if lock:
        return lock_breakers(statements, configs)
    return _breakers(_rows(statements, _LOAD, configs), configs)


def lock_breakers(
    statements: Statements, configs: Mapping[str, CircuitBreakerConfig]
) -> dict[str, CircuitBreaker]:
    """Return the breaker of each endpoint in `configs`, its row locked until the transaction ends."""
    rows = _rows(statements, _LOCK, configs)
    if missing := sorted(configs.keys() - rows.keys()):
        # A missing row cannot be locked. Of two nodes that both start to count, the later would overwrite the other.
        statements.execute_many(_ADD, [_row(id_, CircuitBreaker(configs[id_]), 0.0) for id_ in missing])
        rows |= _rows(statements, _LOCK, missing)
    return _breakers(rows, configs)


def save_breakers(statements: Statements, breakers: Mapping[str, CircuitBreaker], now: float) -> None:
    """Write the rows of these breakers."""
    statements.execute_many(_SAVE, [_row(id_, breaker, now) for id_, breaker in sorted(breakers.items())])


def save_transitions(statements: Statements, rows: Sequence[Row]) -> None:
    """Insert rows of `transition_rows`."""
    statements.execute_many(_INSERT_TRANSITION, rows)


_COLUMNS: Final = tuple(column.name for column in CIRCUITS.c)
_JSON_COLUMNS: Final = ("permits", "window")
_SELECT: Final = (
    select(*(as_text(column) if column.name in _JSON_COLUMNS else column for column in CIRCUITS.c))
    .where(is_one_of(CIRCUITS.c.endpoint_id, "endpoint_ids"))
    .order_by(CIRCUITS.c.endpoint_id)  # locking in one order prevents deadlocks between nodes
)
_LOAD: Final = Prepared(_SELECT, "endpoint_ids")
_LOCK: Final = Prepared(_SELECT.with_for_update(), "endpoint_ids")
_ADD: Final = prepared_upsert(CIRCUITS, ["endpoint_id"])
_SAVE: Final = prepared_upsert(
    CIRCUITS, ["endpoint_id"], replace=[name for name in _COLUMNS if name != "endpoint_id"]
)
_INSERT_TRANSITION: Final = prepared_insert(TRANSITIONS)


def _rows(
    statements: Statements, statement: Prepared, endpoint_ids: Iterable[str]
) -> dict[str, Mapping[Any, Any]]:
    rows: dict[str, Mapping[Any, Any]] = {}
    for values in statements.rows(statement, (statements.array(sorted(endpoint_ids)),)):
        row = dict(zip(_COLUMNS, values, strict=True))
        row |= {name: msgspec.json.decode(row[name]) for name in _JSON_COLUMNS}
        rows[row["endpoint_id"]] = row
    return rows


def _breakers(
    rows: Mapping[str, Mapping[Any, Any]], configs: Mapping[str, CircuitBreakerConfig]
) -> dict[str, CircuitBreaker]:
    return {id_: breaker_from(rows.get(id_), config) for id_, config in configs.items()}


def _row(endpoint_id: str, breaker: CircuitBreaker, now: float) -> Row:
    values = circuit_values(endpoint_id, breaker, now)
    values |= {name: to_json(values[name]) for name in _JSON_COLUMNS}
    return tuple(values[name] for name in _COLUMNS)


def transition_rows(
    endpoint_id: str,
    transitions: Iterable[Transition],
    make_id: Callable[[str], str],
    *,
    actor: str | None = None,
    delivery_id: str | None = None,
    attempt_id: str | None = None,
) -> list[Row]:
    """Return the rows of these transitions, with their causes."""
    return [
        (
            make_id("ctr"),
            endpoint_id,
            transition.at,
            transition.from_state.value,
            transition.to_state.value,
            transition.cause,
            transition.failure_count,
            transition.success_count,
            attempt_id,
            delivery_id,
            actor,
        )
        for transition in transitions
    ]


async def breaker_for_update(
    connection: AsyncConnection, endpoint_id: str, config: CircuitBreakerConfig
) -> CircuitBreaker:
    """Return the breaker of one endpoint, its row locked until the transaction ends."""
    breakers = await run_statements(
        connection, lambda statements: lock_breakers(statements, {endpoint_id: config})
    )
    return breakers[endpoint_id]


async def save_breaker(
    connection: AsyncConnection,
    endpoint_id: str,
    breaker: CircuitBreaker,
    now: float,
    make_id: Callable[[str], str],
    *,
    actor: str | None,
    delivery_id: str | None = None,
) -> None:
    """Save one breaker and its transitions, caused by `actor` (None: the breaker itself)."""
    transitions = breaker.drain_transitions()
    rows = transition_rows(endpoint_id, transitions, make_id, actor=actor, delivery_id=delivery_id)

    def save(statements: Statements) -> None:
        save_breakers(statements, {endpoint_id: breaker}, now)
        save_transitions(statements, rows)

    await run_statements(connection, save)
