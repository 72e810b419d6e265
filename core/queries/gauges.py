"""Figures of the whole database that are read for one scrape of the metrics."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, select

from breakwater.core.domain.states import DeliveryState
from breakwater.core.ports import Clock
from breakwater.core.queries.held import held_endpoints
from breakwater.core.store.engine import Database, database_bytes
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS

COUNT_LIMIT: Final = 100_000
"""Held deliveries are counted up to this number, so that a scrape stays short."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """A state of the database, as figures."""

    oldest_due_seconds: float
    """How long the delivery that waits longest is due, of endpoints that hold nothing; 0 when none is late."""
    held: int
    """Deliveries that wait for their endpoint's circuit, hold, pause or Retry-After, up to `COUNT_LIMIT`."""
    database_bytes: int


class GaugeQueries:
    """Reads the figures."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def now(self) -> Gauges:
        """Return the figures of one moment. Raises StoreUnavailable."""
        now = self._clock.now()
        async with self._database.read() as connection:
            oldest = (await connection.execute(_oldest_due(now))).scalar()
            held = (await connection.execute(_held_count(now))).scalar_one()
            size = await database_bytes(connection)
        return Gauges(max(0.0, now - oldest) if oldest is not None else 0.0, held, size)


def _oldest_due(now: float) -> Select[float]:
    """Look at the head of each lane instead of at every pending delivery."""
    head = (
        select(func.min(DELIVERIES.c.next_attempt_at))
        .where(
            DELIVERIES.c.endpoint_id == ENDPOINTS.c.id,
            DELIVERIES.c.state == DeliveryState.PENDING.value,
        )
        .scalar_subquery()
    )
    lanes = select(head.label("due")).where(ENDPOINTS.c.id.not_in(held_endpoints(now))).subquery()
    return select(func.min(lanes.c.due))


def _held_count(now: float) -> Select[int]:
    rows = (
        select(DELIVERIES.c.id)
        .where(
            DELIVERIES.c.state == DeliveryState.PENDING.value,
            DELIVERIES.c.endpoint_id.in_(held_endpoints(now)),
        )
        .limit(COUNT_LIMIT)
        .subquery()
    )
    return select(func.count()).select_from(rows)
