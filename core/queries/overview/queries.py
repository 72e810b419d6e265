"""Queries of the page Now."""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.states import DeliveryState, EndpointState
from breakwater.core.ids import floor_id
from breakwater.core.ports import Clock
from breakwater.core.queries.audit import audit_scan, read_audit
from breakwater.core.queries.circuits.board import circuit_views, is_not_closed, read_endpoint_rows
from breakwater.core.queries.circuits.recently_reset import read_recently_reset
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.overview.failing import EndpointOutcomes
from breakwater.core.queries.overview.headline import SystemStatus, needs_attention, overview_sentence
from breakwater.core.queries.overview.model import Overview
from breakwater.core.queries.paging.bounds import bounded
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.paging.scan import IdRange, constant, no_index
from breakwater.core.queries.rows import LIST_COLUMNS, delivery_row, delivery_rows
from breakwater.core.queries.traffic.charts import read_traffic
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ALL_ENDPOINTS, DELIVERIES, ENDPOINTS, MINUTE_STATS

HOUR: Final = 60
RATE_MINUTES: Final = 5
"""The minutes of the current rate."""
WINDOW_MINUTES: Final = 15
"""The attempts that say whether an endpoint is failing now."""
DAY_SECONDS: Final = 86_400.0
COUNT_BOUND: Final = 10_000
RECENT_ACTIONS: Final = 10
_D = DELIVERIES.c
_UNDELIVERED: Final = (DeliveryState.PENDING, DeliveryState.IN_FLIGHT)


class OverviewQueries:
    """Reads the overview."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        tasks: Callable[[], tuple[TaskHealth, ...]],
        shortage: Callable[[], str | None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._tasks = tasks
        self._shortage = shortage

    async def now(self) -> Overview:
        """Return the current overview, in eight queries, nine after a reset."""
        now = self._clock.now()
        async with self._database.read() as connection:
            rows = await read_endpoint_rows(
                connection, is_not_closed() | (ENDPOINTS.c.state != EndpointState.ENABLED.value)
            )
            traffic = await read_traffic(connection, None, HOUR, now)
            outcomes = await _read_outcomes(connection, now)
            counts = (await connection.execute(counts_statement(now))).mappings().one()
            oldest = await _oldest(connection, now)
            recently_reset = await read_recently_reset(connection, now)
            actions = await read_audit(connection, (audit_scan({}),), IdRange(), RECENT_ACTIONS)
        longest_attempt_ms = 1_000 * (counts["longest_timeout"] or math.inf)
        traffic = traffic.capped(longest_attempt_ms)
        circuits = circuit_views(rows, now)
        tasks = self._tasks()
        status = SystemStatus(
            counts["endpoints"],
            circuits,
            traffic,
            tasks,
            write_error=self._database.writer.last_error,
            shortage=self._shortage(),
            outcomes=outcomes,
        )
        return Overview(
            sentence=overview_sentence(status),
            needs_attention=needs_attention(status),
            failing=status.groups,
            endpoints=counts["endpoints"],
            traffic=traffic,
            attempts_per_minute=traffic.recent_rate(now, RATE_MINUTES),
            longest_attempt_ms=longest_attempt_ms,
            open_circuits=tuple(circuit for circuit in circuits if circuit.state is not CircuitState.CLOSED),
            recently_reset=recently_reset,
            oldest_pending=oldest,
            pending=_bounded(counts["pending"]),
            in_flight=_bounded(counts["in_flight"]),
            failed_last_24h=_bounded(counts["failed"]),
            recent_actions=actions,
            tasks=tasks,
        )


def _bounded(number: int) -> BoundedCount:
    return bounded(number, COUNT_BOUND)


def counts_statement(now: float) -> Select[*tuple[Any, ...]]:
    """Return the statement that counts endpoints, and deliveries by state up to the bound."""
    recent = _D.id >= floor_id("dlv", now - DAY_SECONDS)
    endpoints = select(func.count()).select_from(ENDPOINTS).where(ENDPOINTS.c.deleted_at.is_(None))
    longest = select(func.max(ENDPOINTS.c.timeout_seconds)).where(ENDPOINTS.c.deleted_at.is_(None))
    return select(
        endpoints.scalar_subquery().label("endpoints"),
        longest.scalar_subquery().label("longest_timeout"),
        _count(DeliveryState.PENDING).label("pending"),
        _count(DeliveryState.IN_FLIGHT).label("in_flight"),
        _count(DeliveryState.FAILED, recent).label("failed"),
    )


def _count(state: DeliveryState, *conditions: ColumnElement[bool]) -> Any:
    matching = (
        select(_D.id).where(_D.state == constant(state.value), *conditions).limit(COUNT_BOUND + 1).subquery()
    )
    return select(func.count()).select_from(matching).scalar_subquery()


async def _read_outcomes(connection: AsyncConnection, now: float) -> tuple[EndpointOutcomes, ...]:
    """Return the attempts of the last minutes by endpoint and outcome, of endpoints that are not deleted."""
    endpoints: dict[str, tuple[str, str]] = {}
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    last_minutes: dict[str, dict[str, int]] = defaultdict(dict)
    for endpoint_id, name, url, outcome, attempts, minute in await connection.execute(
        outcomes_statement(now)
    ):
        endpoints[endpoint_id] = (name, url)
        counts[endpoint_id][outcome] = attempts
        last_minutes[endpoint_id][outcome] = minute
    return tuple(EndpointOutcomes(id_, *endpoints[id_], counts[id_], last_minutes[id_]) for id_ in endpoints)


def outcomes_statement(now: float) -> Select[str, str, str, str, int, int]:
    """Return the statement that sums the attempts of the window, with their last minute, along the index of minutes."""
    stats = MINUTE_STATS.c
    endpoint_id = no_index(stats.endpoint_id)  # grouping along the primary key would read every minute
    sums = (
        select(
            endpoint_id.label("endpoint_id"),
            stats.outcome,
            func.sum(stats.attempts).label("attempts"),
            func.max(stats.minute).label("last_minute"),
        )
        .where(stats.minute > int(now // 60) - WINDOW_MINUTES, endpoint_id != ALL_ENDPOINTS)
        .group_by(endpoint_id, stats.outcome)
        .subquery()
    )
    return (
        select(
            sums.c.endpoint_id,
            ENDPOINTS.c.name,
            ENDPOINTS.c.url,
            sums.c.outcome,
            sums.c.attempts,
            sums.c.last_minute,
        )
        .join(ENDPOINTS, ENDPOINTS.c.id == sums.c.endpoint_id)
        .where(ENDPOINTS.c.deleted_at.is_(None))
    )


async def _oldest(connection: AsyncConnection, now: float) -> DeliveryRow | None:
    row = (await connection.execute(oldest_statement(now))).mappings().one_or_none()
    return None if row is None else delivery_row(row)


def oldest_statement(now: float) -> Select[*tuple[Any, ...]]:
    """Return the statement that finds the oldest pending or in-flight delivery."""
    oldest = union_all(
        *(
            select(*LIST_COLUMNS)
            .where(_D.state == constant(state.value))
            .order_by(_D.id)
            .limit(1)
            .subquery()
            .select()
            for state in _UNDELIVERED
        )
    ).subquery()
    statement = delivery_rows(oldest.select(), now)
    return statement.order_by(statement.selected_columns["id"]).limit(1)
