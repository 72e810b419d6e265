"""Endpoints that are deleted: nothing is sent to them any more, but deliveries and audit entries still name them."""

from typing import Final

from sqlalchemy import select

from breakwater.core.domain.errors import NotFound
from breakwater.core.ports import Clock
from breakwater.core.queries.circuits.history import audit_walk, read_audit
from breakwater.core.queries.endpoints.views import endpoint_view
from breakwater.core.queries.models import DeletedEndpoint
from breakwater.core.queries.paging.scan import IdRange
from breakwater.core.queries.traffic.charts import read_traffic
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ENDPOINTS

HOUR: Final = 60
_ENTRIES: Final = 20


class DeletedEndpoints:
    """Reads what is left of an endpoint."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, endpoint_id: str) -> DeletedEndpoint:
        """Return a deleted endpoint, in four queries. Raises NotFound, also for one that is not deleted."""
        found = select(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id, ENDPOINTS.c.deleted_at.is_not(None))
        async with self._database.read() as connection:
            row = (await connection.execute(found)).mappings().one_or_none()
            if row is None:
                raise NotFound("endpoint", endpoint_id)
            entries = await read_audit(
                connection, (audit_walk({"subject": endpoint_id}),), IdRange(), _ENTRIES
            )
            traffic = await read_traffic(connection, endpoint_id, HOUR, self._clock.now())
        deletion = next((entry for entry in entries if entry.action == "endpoint.delete"), None)
        return DeletedEndpoint(endpoint_view(row), row["deleted_at"], deletion, entries, traffic)
