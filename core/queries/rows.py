"""Joined rows: a delivery with its endpoint, an endpoint with its circuit."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Label, Select, Table, func, select

from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.held import held
from breakwater.core.queries.paging.scan import constant
from breakwater.core.store.circuits import breaker_from, circuit_config
from breakwater.core.store.schema import ATTEMPTS, CIRCUITS, DELIVERIES, ENDPOINTS, TRANSITIONS

Row = Mapping[Any, Any]


def prefixed_columns(table: Table, prefix: str) -> list[Label[Any]]:
    """Return every column of `table`, named with `prefix` so that the columns of joined tables differ."""
    return [column.label(f"{prefix}{column.name}") for column in table.c]


def without_prefix(row: Row, prefix: str) -> dict[str, Any]:
    """Return the columns that `prefixed_columns` named with `prefix`, under their own names."""
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}


LIST_COLUMNS: Final = tuple(
    DELIVERIES.c[name]
    for name in (
        "id",
        "message_id",
        "endpoint_id",
        "event_type",
        "state",
        "failure_class",
        "status_code",
        "error",
        "attempt_count",
        "next_attempt_at",
        "created_at",
        "finished_at",
    )
)
"""The columns of a delivery that lists show."""


def join_endpoints(deliveries: FromClause) -> FromClause:
    """Return `deliveries` with their endpoints and circuits."""
    lanes = deliveries.join(ENDPOINTS, ENDPOINTS.c.id == deliveries.c.endpoint_id)
    return lanes.outerjoin(CIRCUITS, CIRCUITS.c.endpoint_id == deliveries.c.endpoint_id)


def delivery_rows(selection: Select[*tuple[Any, ...]], now: float) -> Select[*tuple[Any, ...]]:
    """Return the statement that adds endpoint columns to `selection`, a statement of `LIST_COLUMNS`."""
    deliveries = selection.subquery("found")
    return select(*deliveries.c, *endpoint_columns(deliveries, now)).select_from(join_endpoints(deliveries))


def endpoint_columns(deliveries: FromClause, now: float) -> list[ColumnElement[Any]]:
    """Return the columns that a list shows of the endpoint of a delivery."""
    return [
        ENDPOINTS.c.name.label("endpoint_name"),
        ENDPOINTS.c.url.label("webhook_url"),
        ENDPOINTS.c.deleted_at.label("endpoint_deleted_at"),
        held(deliveries, now).label("held"),
    ]


def delivery_row(row: Row) -> DeliveryRow:
    """Return a delivery as lists show it."""
    failure = row["failure_class"]
    return DeliveryRow(
        id=row["id"],
        message_id=row["message_id"],
        endpoint_id=row["endpoint_id"],
        endpoint_name=row["endpoint_name"],
        webhook_url=row["webhook_url"],
        event_type=row["event_type"],
        state=DeliveryState(row["state"]),
        held=bool(row["held"]),
        failure_class=None if failure is None else FailureClass(failure),
        status_code=row["status_code"],
        error=row["error"],
        attempt_count=row["attempt_count"],
        next_attempt_at=row["next_attempt_at"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        endpoint_deleted=row["endpoint_deleted_at"] is not None,
    )


def to_breaker(endpoint: Row, circuit: Row) -> CircuitBreaker:
    """Return the breaker of an endpoint that was joined with its circuit, if it has one yet."""
    config = circuit_config(endpoint["circuit"])
    return breaker_from(circuit if circuit["endpoint_id"] is not None else None, config)


def count_backlog(bound: int) -> ColumnElement[int]:
    """Return how many deliveries of the joined endpoint are pending, counted to one beyond `bound`."""
    waiting = (
        select(DELIVERIES.c.id)
        .where(
            DELIVERIES.c.endpoint_id == ENDPOINTS.c.id,
            DELIVERIES.c.state == constant(DeliveryState.PENDING.value),
        )
        .limit(bound + 1)
        .correlate(ENDPOINTS)
        .subquery()
    )
    return select(func.count()).select_from(waiting).scalar_subquery()


def last_cause() -> ColumnElement[str]:
    """Return the cause of the joined endpoint's latest transition."""
    return _latest(TRANSITIONS, TRANSITIONS.c.cause).scalar_subquery()


def last_error() -> ColumnElement[str]:
    """Return the error of the latest failed attempt of the joined endpoint."""
    return _latest(ATTEMPTS, ATTEMPTS.c.error).where(ATTEMPTS.c.failure_class.is_not(None)).scalar_subquery()


def _latest(table: Table, column: ColumnElement[str]) -> Select[str]:
    return (
        select(column)
        .where(table.c.endpoint_id == ENDPOINTS.c.id)
        .order_by(table.c.id.desc())
        .limit(1)
        .correlate(ENDPOINTS)
    )
