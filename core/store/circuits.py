"""Circuit breakers as rows: load them, save them, and save their transitions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import (
    SERVICE_CIRCUIT,
    CircuitBreaker,
    CircuitBreakerConfig,
    CircuitState,
    Hold,
    Transition,
)
from breakwater.core.store.engine import upsert
from breakwater.core.store.schema import CIRCUITS, TRANSITIONS


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
    rows = _rows(connection, configs, lock=lock)
    if lock and (missing := sorted(configs.keys() - rows.keys())):
        # A missing row cannot be locked. Of two nodes that both start to count, the later would overwrite the other.
        new_rows = [circuit_values(id_, CircuitBreaker(configs[id_]), 0.0) for id_ in missing]
        connection.execute(upsert(connection, CIRCUITS, ["endpoint_id"]), new_rows)
        rows |= _rows(connection, missing, lock=lock)
    return {
        endpoint_id: breaker_from(rows.get(endpoint_id), config) for endpoint_id, config in configs.items()
    }


_LOADED: Final = (
    select(CIRCUITS)
    .where(CIRCUITS.c.endpoint_id.in_(bindparam("endpoint_ids", expanding=True)))
    .order_by(CIRCUITS.c.endpoint_id)  # locking in one order prevents deadlocks between nodes
)
_LOCKED: Final = _LOADED.with_for_update()


def _rows(connection: Connection, endpoint_ids: Iterable[str], *, lock: bool) -> dict[str, Mapping[Any, Any]]:
    rows = connection.execute(_LOCKED if lock else _LOADED, {"endpoint_ids": sorted(endpoint_ids)})
    return {row["endpoint_id"]: row for row in rows.mappings()}


def save_breakers(connection: Connection, breakers: Mapping[str, CircuitBreaker], now: float) -> None:
    """Write the rows of these breakers."""
    rows = [circuit_values(endpoint_id, breaker, now) for endpoint_id, breaker in sorted(breakers.items())]
    if rows:
        replaced = [column.name for column in CIRCUITS.c if not column.primary_key]
        connection.execute(upsert(connection, CIRCUITS, ["endpoint_id"], replace=replaced), rows)


def save_transitions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of `transition_rows`."""
    if rows:
        connection.execute(insert(TRANSITIONS), list(rows))


def transition_rows(
    endpoint_id: str,
    transitions: Iterable[Transition],
    make_id: Callable[[str], str],
    *,
    actor: str | None = None,
    delivery_id: str | None = None,
    attempt_id: str | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of these transitions, with their causes."""
    return [
        {
            "id": make_id("ctr"),
            "endpoint_id": endpoint_id,
            "at": transition.at,
            "from_state": transition.from_state.value,
            "to_state": transition.to_state.value,
            "cause": transition.cause,
            "failure_count": transition.failure_count,
            "success_count": transition.success_count,
            "attempt_id": attempt_id,
            "delivery_id": delivery_id,
            "actor": actor,
        }
        for transition in transitions
    ]


async def breaker_for_update(
    connection: AsyncConnection, endpoint_id: str, config: CircuitBreakerConfig
) -> CircuitBreaker:
    """Return the breaker of one endpoint, its row locked until the transaction ends."""
    return (await connection.run_sync(load_breakers, {endpoint_id: config}))[endpoint_id]


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
    await connection.run_sync(save_breakers, {endpoint_id: breaker}, now)
    await connection.run_sync(save_transitions, rows)
