"""Deleted endpoints: nothing is sent to them, but deliveries and audit entries still name them."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import NotFound
from breakwater.core.queries.audit import audit_scan, read_audit
from breakwater.core.queries.endpoints.model import DeletedEndpoint
from breakwater.core.queries.endpoints.views import endpoint_view
from breakwater.core.queries.paging.scan import IdRange
from breakwater.core.queries.traffic.charts import read_traffic
from breakwater.core.store.schema import ENDPOINTS

HOUR: Final = 60
_ENTRIES: Final = 20


async def read_deleted(connection: AsyncConnection, endpoint_id: str, now: float) -> DeletedEndpoint:
    """Return a deleted endpoint, in four statements. Raises NotFound, also for one that is not deleted."""
    statement = select(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id, ENDPOINTS.c.deleted_at.is_not(None))
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound("endpoint", endpoint_id)
    entries = await read_audit(connection, (audit_scan({"subject": endpoint_id}),), IdRange(), _ENTRIES)
    traffic = await read_traffic(connection, endpoint_id, HOUR, now)
    deletion = next((entry for entry in entries if entry.action == "endpoint.delete"), None)
    return DeletedEndpoint(endpoint_view(row), row["deleted_at"], deletion, entries, traffic)
