"""Queries about circuits."""

from collections.abc import Collection

from breakwater.core.domain.errors import NotFound
from breakwater.core.ports import Clock
from breakwater.core.queries.circuits.board import (
    circuit_view,
    circuit_views,
    read_endpoint_page,
    read_endpoint_rows,
)
from breakwater.core.queries.circuits.history import transitions_statement
from breakwater.core.queries.circuits.model import CircuitView, ResetCircuit, TransitionView
from breakwater.core.queries.circuits.recently_reset import read_recently_reset
from breakwater.core.queries.paging.bounds import check_limit
from breakwater.core.queries.paging.model import EndpointPage
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ENDPOINTS


class CircuitQueries:
    """Reads circuits with what an operator needs to decide about them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def board(
        self, cursor: str | None = None, limit: int = 50, text: str = ""
    ) -> EndpointPage[CircuitView]:
        """Return the circuits of the endpoints whose name or URL contains `text`, `limit` (1 to 500) at a time.

        Open and half-open ones come first, then those of paused or disabled endpoints, then the others; each group by
        name. Two statements, three with a cursor.
        """
        now = self._clock.now()
        async with self._database.read() as connection:
            page = await read_endpoint_page(connection, cursor, limit, text, now)
        return EndpointPage(circuit_views(page.rows, now), page.next_cursor, page.states)

    async def by_ids(self, endpoint_ids: Collection[str]) -> tuple[CircuitView, ...]:
        """Return the circuits of these endpoints (500 at most), open ones first; none for a deleted or unknown one."""
        async with self._database.read() as connection:
            rows = await read_endpoint_rows(connection, ENDPOINTS.c.id.in_(endpoint_ids))
        return circuit_views(rows, self._clock.now())

    async def recently_reset(self) -> tuple[ResetCircuit, ...]:
        """Return the circuits that people reset within the last minutes and that are still closed, by name."""
        now = self._clock.now()
        async with self._database.read() as connection:
            return await read_recently_reset(connection, now)

    async def get(self, endpoint_id: str) -> CircuitView:
        """Return the circuit of one endpoint. Raises NotFound."""
        async with self._database.read() as connection:
            rows = await read_endpoint_rows(connection, ENDPOINTS.c.id == endpoint_id)
        if not rows:
            raise NotFound("endpoint", endpoint_id)
        return circuit_view(rows[0], self._clock.now())

    async def transitions(
        self, endpoint_id: str | None = None, limit: int = 50
    ) -> tuple[TransitionView, ...]:
        """Return the latest state changes of one circuit, or of all, newest first."""
        check_limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(transitions_statement(endpoint_id, limit))).mappings()
            return tuple(TransitionView(**row) for row in rows)
