"""Endpoints with their circuits and their traffic of the last hour, and lists to choose them from."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.domain.errors import NotFound
from core.engine import endpoint_views  # as a module: it reads the models of this package, and may come first
from core.engine.insights.circuits import circuit_view, circuits_of, read_lanes
from core.engine.insights.joined import Row, part_of
from core.engine.insights.models import EndpointOption, EndpointSummary, Traffic
from core.engine.insights.traffic import (
    SPARK_STEP,
    LatencyCell,
    OutcomeCell,
    each_endpoint,
    first_minute,
    read_traffic,
    traffic_of,
)
from core.ports import Clock
from core.sql.engine import Database
from core.sql.statements.rows import ENDPOINTS

HOUR: Final = 60
"""Minutes of traffic beside an endpoint."""
MOST_OPTIONS: Final = 20


class EndpointLists:
    """Reads endpoints as the list and the page of one show them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> tuple[EndpointSummary, ...]:
        """Return the endpoints that are not deleted (500 at most), those in trouble first, in three queries."""
        now = self._clock.now()
        async with self._database.read() as connection:
            rows = await read_lanes(connection)
            charts = await _charts(connection, now)
        by_id = {row["endpoint__id"]: row for row in rows}
        return tuple(
            _summary(by_id[circuit.endpoint_id], charts(circuit.endpoint_id), now)
            for circuit in circuits_of(rows, now)
        )

    async def of(self, endpoint_id: str) -> EndpointSummary:
        """Return one endpoint, in three queries. Raises NotFound."""
        now = self._clock.now()
        async with self._database.read() as connection:
            rows = await read_lanes(connection, ENDPOINTS.c.id == endpoint_id)
            if not rows:
                raise NotFound("endpoint", endpoint_id)
            traffic = await read_traffic(connection, endpoint_id, HOUR, now)
        return _summary(rows[0], traffic, now)

    async def options(self, beginning: str = "") -> tuple[EndpointOption, ...]:
        """Return at most 20 endpoints whose name or URL contains `beginning`, for a list to choose from."""
        async with self._database.read() as connection:
            rows = (await connection.execute(options_statement(beginning))).mappings().all()
        return tuple(EndpointOption(row["id"], row["name"], row["url"]) for row in rows)


async def _charts(connection: AsyncConnection, now: float) -> Callable[[str], Traffic]:
    """Read the last hour of every endpoint; return the function that gives the chart of one."""
    first, last = first_minute(HOUR, SPARK_STEP, now), int(now // 60)
    outcomes: dict[str, list[OutcomeCell]] = defaultdict(list)
    latencies: dict[str, list[LatencyCell]] = defaultdict(list)
    by_outcome, by_latency = each_endpoint(first, SPARK_STEP)
    for endpoint_id, slot, outcome, attempts in await connection.execute(by_outcome):
        outcomes[endpoint_id].append((slot, outcome, attempts))
    for endpoint_id, slot, bucket, attempts in await connection.execute(by_latency):
        latencies[endpoint_id].append((slot, bucket, attempts))
    return lambda endpoint_id: traffic_of(
        outcomes[endpoint_id], latencies[endpoint_id], first, SPARK_STEP, last, detailed=False
    )


def options_statement(text: str) -> Select[str, str, str]:
    """Return the statement of `EndpointLists.options`."""
    wanted = ENDPOINTS.c
    matches = wanted.name.icontains(text, autoescape=True) | wanted.url.icontains(text, autoescape=True)
    return (
        select(wanted.id, wanted.name, wanted.url)
        .where(wanted.deleted_at.is_(None), *([matches] if text else []))
        .order_by(wanted.adhoc_key.is_not(None), wanted.name, wanted.id)
        .limit(MOST_OPTIONS)
    )


def _summary(row: Row, traffic: Traffic, now: float) -> EndpointSummary:
    endpoint = endpoint_views.endpoint_view(part_of(row, "endpoint__"))
    return EndpointSummary(endpoint, circuit_view(row, now), traffic)
