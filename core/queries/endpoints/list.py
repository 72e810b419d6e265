"""Endpoints with their circuits and their traffic of the last hour, and lists to choose them from."""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import Select, and_, case, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import NotFound
from breakwater.core.queries.circuits.board import (
    circuit_view,
    circuit_views,
    read_endpoint_page,
    read_endpoint_rows,
)
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.endpoints.model import EndpointOption, EndpointSummary
from breakwater.core.queries.endpoints.views import endpoint_view
from breakwater.core.queries.paging.model import EndpointPage
from breakwater.core.queries.rows import Row, without_prefix
from breakwater.core.queries.traffic.charts import SPARK_STEP, each_endpoint, first_minute, read_traffic
from breakwater.core.queries.traffic.fold import OutcomeCell, brief_traffic
from breakwater.core.queries.traffic.model import Traffic
from breakwater.core.store.schema import ENDPOINTS

HOUR: Final = 60
"""Minutes of traffic beside an endpoint."""


async def read_summaries(
    connection: AsyncConnection, cursor: str | None, limit: int, text: str, now: float
) -> EndpointPage[EndpointSummary]:
    """Return one page of endpoints, open circuits first, in four statements; five with a cursor."""
    page = await read_endpoint_page(connection, cursor, limit, text, now)
    by_id = {row["endpoint__id"]: row for row in page.rows}
    charts = await _charts(connection, list(by_id), now)
    summaries = (
        _summary(by_id[circuit.endpoint_id], charts(circuit.endpoint_id), circuit)
        for circuit in circuit_views(page.rows, now)
    )
    return EndpointPage(tuple(summaries), page.next_cursor, page.states)


async def read_summary(connection: AsyncConnection, endpoint_id: str, now: float) -> EndpointSummary:
    """Return one endpoint, in three statements. Raises NotFound."""
    rows = await read_endpoint_rows(connection, ENDPOINTS.c.id == endpoint_id)
    if not rows:
        raise NotFound("endpoint", endpoint_id)
    traffic = await read_traffic(connection, endpoint_id, HOUR, now)
    return _summary(rows[0], traffic, circuit_view(rows[0], now))


async def read_options(
    connection: AsyncConnection, text: str, limit: int, selected_id: str | None
) -> tuple[EndpointOption, ...]:
    """Return endpoints whose name or URL contains `text`; `selected_id` comes first."""
    rows = (await connection.execute(options_statement(text, limit, selected_id))).mappings().all()
    return tuple(EndpointOption(row["id"], row["name"], row["url"]) for row in rows)


async def _charts(
    connection: AsyncConnection, endpoint_ids: Collection[str], now: float
) -> Callable[[str], Traffic]:
    """Read the last hour of these endpoints; return the function that gives the chart of one."""
    first, last = first_minute(HOUR, SPARK_STEP, now), int(now // 60)
    outcomes: dict[str, list[OutcomeCell]] = defaultdict(list)
    histograms: dict[str, dict[int, int]] = defaultdict(dict)
    by_outcome, by_latency = each_endpoint(endpoint_ids, first, SPARK_STEP)
    for endpoint_id, slot, outcome, attempts in await connection.execute(by_outcome):
        outcomes[endpoint_id].append((slot, outcome, attempts))
    for endpoint_id, bucket, attempts in await connection.execute(by_latency):
        histograms[endpoint_id][bucket] = attempts
    return lambda endpoint_id: brief_traffic(
        outcomes[endpoint_id], histograms[endpoint_id], first, SPARK_STEP, last
    )


def options_statement(text: str, limit: int, selected_id: str | None) -> Select[str, str, str]:
    """Return the statement of `read_options`, which includes `selected_id` even when it was deleted."""
    columns = ENDPOINTS.c
    text_condition = columns.name.icontains(text, autoescape=True) | columns.url.icontains(
        text, autoescape=True
    )
    selectable = and_(columns.deleted_at.is_(None), *([text_condition] if text else []))
    return (
        select(columns.id, columns.name, columns.url)
        .where(or_(selectable, columns.id == selected_id))
        .order_by(
            case((columns.id == selected_id, 0), else_=1),
            columns.adhoc_key.is_not(None),
            columns.name,
            columns.id,
        )
        .limit(limit)
    )


def _summary(row: Row, traffic: Traffic, circuit: CircuitView) -> EndpointSummary:
    endpoint = endpoint_view(without_prefix(row, "endpoint__"))
    return EndpointSummary(endpoint, circuit, traffic)
