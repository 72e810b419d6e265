"""Queries about endpoints."""

from breakwater.core.ports import Clock
from breakwater.core.queries.endpoints.deleted import read_deleted
from breakwater.core.queries.endpoints.list import read_options, read_summaries, read_summary
from breakwater.core.queries.endpoints.model import DeletedEndpoint, EndpointOption, EndpointSummary
from breakwater.core.queries.paging.model import EndpointPage
from breakwater.core.store.engine import Database


class EndpointQueries:
    """Reads endpoints with their circuits and their traffic of the last hour."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(
        self, cursor: str | None = None, limit: int = 50, text: str = ""
    ) -> EndpointPage[EndpointSummary]:
        """Return the endpoints whose name or URL contains `text`, open circuits first, `limit` (1 to 500) at a time."""
        async with self._database.read() as connection:
            return await read_summaries(connection, cursor, limit, text, self._clock.now())

    async def get(self, endpoint_id: str) -> EndpointSummary:
        """Return one endpoint. Raises NotFound."""
        async with self._database.read() as connection:
            return await read_summary(connection, endpoint_id, self._clock.now())

    async def get_deleted(self, endpoint_id: str) -> DeletedEndpoint:
        """Return a deleted endpoint. Raises NotFound, also for one that is not deleted."""
        async with self._database.read() as connection:
            return await read_deleted(connection, endpoint_id, self._clock.now())

    async def options(
        self, text: str = "", limit: int = 20, selected_id: str | None = None
    ) -> tuple[EndpointOption, ...]:
        """Return the options of a select field: endpoints whose name or URL contains `text`, `selected_id` first."""
        async with self._database.read() as connection:
            return await read_options(connection, text, limit, selected_id)
