"""Failures grouped by cause across endpoints."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from sqlalchemy import Select, func, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.states import FailureClass
from breakwater.core.off_loop import run_off_loop
from breakwater.core.queries.deliveries.causes_model import FailureGroup, FailureGroups
from breakwater.core.queries.deliveries.common_error import common_error
from breakwater.core.queries.deliveries.selection import covered_ids, index_scans
from breakwater.core.queries.paging.bounds import bounds_of
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.paging.scan import IdRange, IndexScan, ScanLimit, constant, find_scan_limits
from breakwater.core.queries.rows import Row
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS

GROUPED_PER_CLASS: Final = 1_500
"""Deliveries of each class that are grouped, so that many of one class do not hide the others."""
GROUPED_OF_ONE_CLASS: Final = 10_000
MAX_GROUPS: Final = 50
NAMED_ENDPOINTS: Final = 5
_MAX_ON_LOOP: Final = 200
"""Different errors that are faster to group on the event loop than in a thread."""
_D = DELIVERIES.c
STORED_CLASSES: Final = union_all(
    *(
        select(constant(failure.value).label("failure_class")).where(
            select(_D.id).where(_D.failure_class == constant(failure.value)).exists()
        )
        for failure in FailureClass
    )
)
"""The failure classes that occur in stored deliveries."""


@dataclass(frozen=True, slots=True)
class _ClassScan:
    """A scan along one failure class, and how far it reads."""

    failure: FailureClass
    index_scan: IndexScan
    scan_limit: ScanLimit


async def read_causes(connection: AsyncConnection, filters: DeliveryFilter, now: float) -> FailureGroups:
    """Return the groups among the newest failures that match, in three statements.

    It reads 1,500 failures of each class, or 10,000 when the filter names one class.
    """
    covered = covered_ids(filters, now)
    scans = class_scans(filters, await _classes(connection, filters), now)
    scan_limits = await find_scan_limits(
        connection, _D.id, [group_scan.index_scan for group_scan in scans], covered
    )
    # Some classes have no failures in that time range.
    readable = [
        replace(scan, scan_limit=scan_limit)
        for scan, scan_limit in zip(scans, scan_limits, strict=True)
        if scan_limit.scanned
    ]
    if not readable:
        return FailureGroups((), None)
    rows = (await connection.execute(groups_statement(readable, covered))).mappings().all()
    # Errors that all differ, as a hostile receiver can make them, take long to compare.
    few = len(rows) <= _MAX_ON_LOOP
    groups = _groups(rows, filters, readable) if few else await run_off_loop(_groups, rows, filters, readable)
    return FailureGroups(groups, bounds_of(_combined_limit(scan_limits), now, "deliveries"))


async def _classes(connection: AsyncConnection, filters: DeliveryFilter) -> tuple[FailureClass, ...]:
    """Return the classes to scan: only those that are stored, because a statement over all classes is slower."""
    if filters.failure_class is not None:
        return (filters.failure_class,)
    return tuple(map(FailureClass, (await connection.execute(STORED_CLASSES)).scalars()))


def class_scans(filters: DeliveryFilter, classes: Iterable[FailureClass], now: float) -> list[_ClassScan]:
    window = GROUPED_PER_CLASS if filters.failure_class is None else GROUPED_OF_ONE_CLASS
    return [
        _ClassScan(failure, replace(index_scan, window=min(window, index_scan.window or window)), ScanLimit())
        for failure in classes
        for index_scan in index_scans(replace(filters, failure_class=failure), now)
    ]


def _combined_limit(scan_limits: Sequence[ScanLimit]) -> ScanLimit:
    stopped = [scan_limit for scan_limit in scan_limits if scan_limit.down_to is not None]
    return ScanLimit(
        max((scan_limit.down_to for scan_limit in stopped if scan_limit.down_to), default=None),
        sum(scan_limit.scanned for scan_limit in scan_limits),
    )


def groups_statement(scans: Sequence[_ClassScan], covered: IdRange) -> Select[*tuple[object, ...]]:
    """Return the statement that counts failures by class, error and endpoint."""
    columns = (_D.id, _D.endpoint_id, _D.failure_class, _D.error, _D.created_at, _D.finished_at)
    parts = [
        select(*columns).where(
            group_scan.index_scan.condition,
            *covered.within(floor=group_scan.scan_limit.down_to).conditions(_D.id),
        )
        for group_scan in scans
    ]
    # Scans of different classes are disjoint; those of a search may return one delivery twice.
    distinct = len({group_scan.failure for group_scan in scans}) == len(scans)
    failures = (union_all(*parts) if distinct else union(*parts)).subquery("found").c
    grouped = (
        select(
            failures.failure_class,
            failures.error,
            failures.endpoint_id,
            func.count().label("count"),
            func.min(failures.created_at).label("first_seen"),
            func.max(failures.created_at).label("last_accepted"),
            func.max(failures.finished_at).label("last_finished"),
        )
        .group_by(failures.failure_class, failures.error, failures.endpoint_id)
        .subquery("grouped")
    )
    # Names are joined after grouping: to a few hundred groups instead of thousands of deliveries.
    return select(*grouped.c, ENDPOINTS.c.name.label("endpoint_name")).join(
        ENDPOINTS, ENDPOINTS.c.id == grouped.c.endpoint_id
    )


def _groups(
    rows: Sequence[Row], filters: DeliveryFilter, scans: Sequence[_ClassScan]
) -> tuple[FailureGroup, ...]:
    cut = {group_scan.failure for group_scan in scans if group_scan.scan_limit.down_to is not None}
    by_cause: dict[tuple[FailureClass, str], list[Row]] = defaultdict(list)
    common = cache(common_error)  # endpoints share a few errors
    for row in rows:
        by_cause[FailureClass(row["failure_class"]), common(row["error"] or "")].append(row)
    largest = heapq.nsmallest(MAX_GROUPS, by_cause.items(), key=_sort_key)
    return tuple(
        _group(failure, error, members, filters, more=failure in cut) for (failure, error), members in largest
    )


def _sort_key(cause: tuple[tuple[FailureClass, str], Sequence[Row]]) -> tuple[int, float, str]:
    (_failure, error), rows = cause
    return -sum(row["count"] for row in rows), -_last_seen(rows), error


def _last_seen(rows: Sequence[Row]) -> float:
    return max(row[name] or 0.0 for row in rows for name in ("last_accepted", "last_finished"))


def _group(
    failure: FailureClass, error: str, rows: Sequence[Row], filters: DeliveryFilter, *, more: bool
) -> FailureGroup:
    affected: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        affected[row["endpoint_id"], row["endpoint_name"]] += row["count"]
    worst_first = sorted(affected, key=lambda endpoint: (-affected[endpoint], endpoint))
    group_filter = replace(filters, failure_class=failure, error=error or None)
    return FailureGroup(
        failure_class=failure,
        error=error,
        count=BoundedCount(sum(affected.values()), more),
        first_seen=min(row["first_seen"] for row in rows),
        last_seen=_last_seen(rows),
        endpoints=tuple(worst_first[:NAMED_ENDPOINTS]),
        endpoint_count=len(affected),
        query=group_filter.to_query(),
    )
