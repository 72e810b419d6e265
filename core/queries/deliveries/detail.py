"""One delivery with its attempts and the sentence that explains its state."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import NotFound
from breakwater.core.domain.states import FailureClass, Trigger
from breakwater.core.queries.deliveries.model import AttemptView, DeliveryDetail
from breakwater.core.queries.explain.outcome import explain_delivery
from breakwater.core.queries.explain.resend import can_cancel, can_resend, explain_resend
from breakwater.core.queries.explain.snapshot import DeliverySnapshot, delays_of, read_snapshot
from breakwater.core.queries.rows import (
    LIST_COLUMNS,
    Row,
    delivery_row,
    endpoint_columns,
    join_endpoints,
    last_cause,
    prefixed_columns,
)
from breakwater.core.store.schema import ATTEMPTS, CIRCUITS, DELIVERIES, ENDPOINTS, MESSAGES
from breakwater.core.text.credentials import mask_request_headers, public_names

SHOWN_ATTEMPTS: Final = 100
"""A schedule allows 51; of a delivery that was resent often, the newest are shown."""
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""Bytes of all response bodies that are read of one delivery. Each attempt gets an equal share."""
_D = DELIVERIES.c


async def read_detail(connection: AsyncConnection, delivery_id: str, now: float) -> DeliveryDetail:
    """Return the delivery in three statements, four while it waits. Raises NotFound."""
    row = (await connection.execute(delivery_statement(delivery_id, now))).mappings().one_or_none()
    if row is None:
        raise NotFound("delivery", delivery_id)
    # As public as they are today: an older version stored the values of some headers that are secret now.
    public = public_names(row["endpoint__headers"])
    attempts = await _attempts(connection, delivery_id, row["attempt_count"], public)
    snapshot = await read_snapshot(connection, row, attempts, now)
    return _detail(row, attempts, snapshot)


def delivery_statement(delivery_id: str, now: float) -> Select[*tuple[object, ...]]:
    """Return the statement that reads a delivery with its message, its endpoint and its circuit."""
    return (
        select(
            *LIST_COLUMNS,
            *endpoint_columns(DELIVERIES, now),
            *(_D[name] for name in ("trigger", "budget_spent", "lost_count", "lease_until")),
            _D.retry_delays.label("own_delays"),
            MESSAGES.c.payload,
            last_cause().label("opening_cause"),
            *prefixed_columns(ENDPOINTS, "endpoint__"),
            *prefixed_columns(CIRCUITS, "circuit__"),
        )
        .select_from(join_endpoints(DELIVERIES).join(MESSAGES, MESSAGES.c.id == _D.message_id))
        .where(_D.id == delivery_id)
    )


async def _attempts(
    connection: AsyncConnection, delivery_id: str, count: int, public: Collection[str]
) -> tuple[AttemptView, ...]:
    share = MAX_BODY_BYTES // min(max(count, 1), SHOWN_ATTEMPTS)
    body = ATTEMPTS.c.response_body
    statement = (
        select(
            *(column for column in ATTEMPTS.c if column is not body),
            # SQLite's substr of an empty value is NULL.
            func.coalesce(func.substr(body, 1, share), body, type_=body.type).label(body.name),
            (func.length(body) > share).label("body_shortened"),
        )
        .where(ATTEMPTS.c.delivery_id == delivery_id)
        .order_by(ATTEMPTS.c.number.desc())
        .limit(SHOWN_ATTEMPTS)
    )
    newest_first = (await connection.execute(statement)).mappings().all()
    return tuple(_attempt(row, public) for row in reversed(newest_first))


def _attempt(row: Row, public: Collection[str]) -> AttemptView:
    failure = row["failure_class"]
    return AttemptView(
        id=row["id"],
        number=row["number"],
        trigger=Trigger(row["trigger"]),
        started_at=row["started_at"],
        duration_ms=row["duration_ms"],
        failure_class=None if failure is None else FailureClass(failure),
        status_code=row["status_code"],
        error=row["error"],
        request_headers=mask_request_headers(row["request_headers"], public),
        response_headers=tuple((name, value) for name, value in row["response_headers"] if name),
        response_body=row["response_body"],
        response_truncated=row["response_truncated"] or bool(row["body_shortened"]),
        response_headers_truncated=any(not name for name, _ in row["response_headers"]),
    )


def _detail(row: Row, attempts: tuple[AttemptView, ...], snapshot: DeliverySnapshot) -> DeliveryDetail:
    return DeliveryDetail(
        row=delivery_row(row),
        why=explain_delivery(snapshot),
        payload=row["payload"],
        attempts=attempts,
        retry_delays=delays_of(row),
        budget_left=max(0, snapshot.max_attempts - snapshot.budget_spent),
        endpoint_state=snapshot.endpoint.state,
        circuit_state=snapshot.endpoint.breaker.state,
        resend_consequence=explain_resend(snapshot),
        can_resend=can_resend(snapshot),
        can_cancel=can_cancel(snapshot),
        endpoint_deleted=snapshot.endpoint.deleted,
    )
