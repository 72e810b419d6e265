"""The audit log: what people, keys and the service did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.ports import Clock
from breakwater.core.queries.paging.bounds import bounds_of, check_limit
from breakwater.core.queries.paging.cursors import Cursor, read_cursor
from breakwater.core.queries.paging.filter_fields import ParameterReader
from breakwater.core.queries.paging.model import Page
from breakwater.core.queries.paging.scan import IdRange, IndexScan, find_scan_limit, no_index, scan
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import AUDIT

_SCAN_LIMIT: Final = 20_000
_LEADING: Final = ("subject", "actor", "action")
"""Which index leads: a subject has fewest entries, then an actor."""


@dataclass(frozen=True, slots=True)
class AuditView:
    """One operation: by whom, on what, why, and with what result."""

    id: str
    at: float
    actor: str
    action: str
    subject: str
    reason: str | None
    outcome: str
    affected: int
    detail: dict[str, object] = field(default_factory=dict)


class AuditQueries:
    """Reads audit entries."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(
        self,
        cursor: str | None = None,
        limit: int = 50,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
    ) -> Page[AuditView]:
        """Return the entries that match all given filters, newest first, `limit` (1 to 200) at a time."""
        now = self._clock.now()
        covered = IdRange(ceiling=read_cursor(cursor, "aud", now))
        check_limit(limit)
        scans = (audit_scan(_check_filters(subject=subject, actor=actor, action=action)),)
        async with self._database.read() as connection:
            scan_limit = await find_scan_limit(connection, AUDIT.c.id, scans, covered)
            entries = await read_audit(connection, scans, covered.within(floor=scan_limit.down_to), limit + 1)
        if len(entries) > limit:
            return Page(entries[:limit], str(Cursor(entries[limit - 1].id, now)))
        if scan_limit.down_to is None:
            return Page(entries, None)
        return Page(entries, str(Cursor(scan_limit.down_to, now)), bounds_of(scan_limit, now, "entries"))


def _check_filters(**values: str | None) -> dict[str, str | None]:
    """Return what audit entries are searched for. Raises InvalidInput for text that no database stores."""
    reader = ParameterReader({name: value or "" for name, value in values.items()})
    filters = {name: reader.text(name) for name in values}
    if reader.problems:
        raise InvalidInput(reader.problems)
    return filters


def audit_scan(filters: Mapping[str, str | None]) -> IndexScan:
    """Return the scan along the index that leaves the fewest rows to check."""
    conditions = {name: value for name, value in filters.items() if value}
    leading = next((name for name in _LEADING if name in conditions), None)
    index_conditions = () if leading is None else (AUDIT.c[leading] == conditions[leading],)
    filter_conditions = tuple(
        no_index(AUDIT.c[name]) == value for name, value in conditions.items() if name != leading
    )
    return IndexScan(index_conditions, filter_conditions, _SCAN_LIMIT if filter_conditions else None)


async def read_audit(
    connection: AsyncConnection, scans: tuple[IndexScan, ...], covered: IdRange, limit: int
) -> tuple[AuditView, ...]:
    """Return the newest entries of these scans."""
    statement = scan(tuple(AUDIT.c), scans, covered, limit)
    return tuple(AuditView(**row) for row in (await connection.execute(statement)).mappings())
