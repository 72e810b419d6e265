"""Count the deliveries that a replay covers and find the first ones, in bounded reads.

The usual filter is a status, perhaps with an endpoint or a time range. An index counts those exactly, up to 100,000.
For any other filter the rows are checked one by one up to a scan limit; "12+" then says that older ones may match too.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Select, func, literal, select, true, union, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.states import DeliveryState, states_that_may_become
from breakwater.core.queries.deliveries.selection import covered_ids, index_scans
from breakwater.core.queries.paging.bounds import bounds_of
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount, SearchBounds
from breakwater.core.queries.paging.scan import (
    Condition,
    IdRange,
    IndexScan,
    ScanLimit,
    constant,
    find_scan_limit,
    just_after,
    no_index,
    scan,
)
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS

RESENDABLE: Final = tuple(
    sorted(
        state.value
        for state in states_that_may_become(DeliveryState.PENDING)
        if state is not DeliveryState.IN_FLIGHT
    )
)
COUNT_LIMIT: Final = 100_000
"""A plan counts up to here. A list counts a tenth of it; here a person types the number to confirm."""
SCAN_LIMIT: Final = 30_000
"""Deliveries that are checked row by row."""
PAYLOAD_SCAN_LIMIT: Final = 6_000
"""Deliveries whose payloads are searched."""
LATE_LIMIT: Final = 10_000
"""Deliveries that finished after the snapshot and are subtracted. With more of them, rows are checked one by one."""
_D = DELIVERIES.c

Tally = Counter[tuple[str, str]]
"""Deliveries by endpoint id and state."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The counts of a replay, and the deliveries that it resends first."""

    total: BoundedCount
    endpoints: tuple[tuple[str, str, int], ...]
    """Id, name and count, most first."""
    deleted_endpoints: tuple[tuple[str, str, int], ...]
    """The same of deleted endpoints, whose deliveries match and are left out."""
    states: dict[DeliveryState, int]
    first: tuple[str, ...]
    """The oldest ids; with `bounds`, the oldest of the scanned ones."""
    bounds: SearchBounds | None


async def read_coverage(
    connection: AsyncConnection, filters: DeliveryFilter, up_to: str, frozen_at: float, sample_size: int
) -> Coverage:
    """Return what `filters` matches among deliveries finished at `frozen_at`, with the first `sample_size` ids."""
    scans = coverage_scans(filters, frozen_at)
    covered, scan_limit = covered_ids(filters, frozen_at, up_to), ScanLimit()
    tally = await _count_by_index(connection, filters, covered, frozen_at) if is_indexed(filters) else None
    if tally is None:
        scan_limit = await find_scan_limit(connection, _D.id, scans, covered)
        covered = covered.within(floor=scan_limit.down_to)
        tally = await _read_tally(connection, tally_statement(scans, covered))
    endpoints, deleted = await _endpoint_counts(connection, tally)
    deleted_ids = frozenset(id_ for id_, _name, _number in deleted)
    tally = Tally({key: number for key, number in tally.items() if key[0] not in deleted_ids})
    first: Iterable[str] = ()
    if tally:
        statement = first_statement(scans, covered, sample_size, without_endpoints=deleted_ids)
        first = (await connection.execute(statement)).scalars()
    bounds = bounds_of(scan_limit, frozen_at, "deliveries")
    states = Counter[DeliveryState]()
    for (_endpoint_id, state), number in tally.items():
        states[DeliveryState(state)] += number
    return Coverage(
        total=BoundedCount(
            min(tally.total(), COUNT_LIMIT), bounds is not None or tally.total() > COUNT_LIMIT
        ),
        endpoints=endpoints,
        deleted_endpoints=deleted,
        states=dict(states),
        first=tuple(first),
        bounds=bounds,
    )


def is_indexed(filters: DeliveryFilter) -> bool:
    """Return whether one index serves all conditions of `filters`: endpoint, states and times."""
    return not (filters.event_type or filters.failure_class or filters.error or filters.q)


def coverage_scans(filters: DeliveryFilter, frozen_at: float) -> tuple[IndexScan, ...]:
    """Return the scans that find resendable deliveries; bounded unless `is_indexed`."""
    is_final = _D.finished_at <= frozen_at
    if is_indexed(filters):
        return tuple(
            IndexScan(_index_conditions(filters.endpoint_id, state), (is_final,), SCAN_LIMIT, disjoint=True)
            for state in _states(filters)
        )
    resendable = no_index(_D.state).in_(RESENDABLE)
    return tuple(
        replace(
            branch,
            filter_conditions=(*branch.filter_conditions, resendable, is_final),
            window=_window(filters, branch),
        )
        for branch in index_scans(filters, frozen_at)
    )


def _window(filters: DeliveryFilter, branch: IndexScan) -> int | None:
    if filters.q is None:
        return SCAN_LIMIT
    return None if branch.window is None else PAYLOAD_SCAN_LIMIT


def _index_conditions(endpoint_id: str | ColumnElement[str] | None, state: str) -> tuple[Condition, ...]:
    in_state = _D.state == constant(state)
    return (in_state,) if endpoint_id is None else (_D.endpoint_id == endpoint_id, in_state)


def _states(filters: DeliveryFilter) -> tuple[str, ...]:
    """Return the resendable states among those of `filters`. Held and retrying deliveries are pending: none of them."""
    if not (filters.states or filters.held or filters.retrying):
        return RESENDABLE
    return tuple(state for state in RESENDABLE if DeliveryState(state) in filters.states)


async def _count_by_index(
    connection: AsyncConnection, filters: DeliveryFilter, covered: IdRange, frozen_at: float
) -> Tally | None:
    """Return the counts without reading rows; None when too many deliveries finished after the snapshot."""
    states = _states(filters)
    if not states:
        return Tally()
    edges = {
        state: newest
        for state, newest in await connection.execute(edges_statement(filters, covered))
        if newest
    }
    if not edges:
        return Tally()
    tally = await _read_tally(connection, counts_statement(filters, covered, edges))
    late_rows = (await connection.execute(late_statement(filters, covered, frozen_at))).all()
    if len(late_rows) > LATE_LIMIT:
        return None
    tally.subtract(
        Tally((endpoint, state) for id_, endpoint, state in late_rows if id_ <= edges.get(state, ""))
    )
    return +tally


async def _read_tally(connection: AsyncConnection, statement: Any) -> Tally:
    counted = await connection.execute(statement)
    return +Tally({(endpoint_id, state): number for endpoint_id, state, number in counted})


EndpointCounts = tuple[tuple[str, str, int], ...]


async def _endpoint_counts(
    connection: AsyncConnection, tally: Tally
) -> tuple[EndpointCounts, EndpointCounts]:
    """Return the counts of the endpoints that exist, and of those that were deleted."""
    numbers = Counter[str]()
    for (endpoint_id, _state), number in tally.items():
        numbers[endpoint_id] += number
    statement = select(ENDPOINTS.c.id, ENDPOINTS.c.name, ENDPOINTS.c.deleted_at)
    rows = {row.id: row for row in await connection.execute(statement)} if numbers else {}
    counts = [(rows[id_], number) for id_, number in numbers.most_common()]
    return (
        tuple((row.id, row.name, number) for row, number in counts if row.deleted_at is None),
        tuple((row.id, row.name, number) for row, number in counts if row.deleted_at is not None),
    )


def edges_statement(filters: DeliveryFilter, covered: IdRange) -> CompoundSelect[str, str]:
    """Return the statement that finds, for each state, the id at which counting ends: at the limit, or the newest."""
    counted = [
        select(_D.id)
        .where(*_index_conditions(filters.endpoint_id, state), *covered.conditions(_D.id))
        .order_by(_D.id)
        .limit(COUNT_LIMIT + 1)
        .subquery()
        for state in _states(filters)
    ]
    named = zip(_states(filters), counted, strict=True)
    return union_all(*(select(literal(state), func.max(ids.c.id)) for state, ids in named))


def counts_statement(
    filters: DeliveryFilter, covered: IdRange, edges: Mapping[str, str]
) -> CompoundSelect[str, str, int]:
    """Return the statement that counts each endpoint's deliveries of each state up to its edge."""
    endpoint_condition = true() if filters.endpoint_id is None else ENDPOINTS.c.id == filters.endpoint_id
    return union_all(
        *(
            select(
                ENDPOINTS.c.id, literal(state), _count(state, covered.within(ceiling=just_after(edge)))
            ).where(endpoint_condition)
            for state, edge in edges.items()
        )
    )


def _count(state: str, covered: IdRange) -> ColumnElement[int]:
    counted = select(func.count()).where(
        *_index_conditions(ENDPOINTS.c.id, state), *covered.conditions(_D.id)
    )
    return counted.correlate(ENDPOINTS).scalar_subquery()


def late_statement(filters: DeliveryFilter, covered: IdRange, frozen_at: float) -> Select[str, str, str]:
    """Return the statement that finds deliveries that finished after the snapshot, which the counts include."""
    endpoint = () if filters.endpoint_id is None else (no_index(_D.endpoint_id) == filters.endpoint_id,)
    return (
        select(_D.id, _D.endpoint_id, _D.state)
        .where(_D.finished_at > frozen_at, *endpoint, *covered.conditions(no_index(_D.id)))
        .limit(LATE_LIMIT + 1)
    )


def tally_statement(scans: Sequence[IndexScan], covered: IdRange) -> Select[str, str, int]:
    """Return the statement that counts the deliveries of these scans by endpoint and state."""
    rows = scan((_D.id, _D.endpoint_id, _D.state), scans, covered, COUNT_LIMIT + 1).subquery().c
    return select(rows.endpoint_id, rows.state, func.count()).group_by(rows.endpoint_id, rows.state)


def first_statement(
    scans: Sequence[IndexScan], covered: IdRange, limit: int, *, without_endpoints: Collection[str] = ()
) -> Select[str]:
    """Return the statement that finds the oldest deliveries of these scans, which are resent first."""
    included = (no_index(_D.endpoint_id).not_in(sorted(without_endpoints)),) if without_endpoints else ()
    oldest = union(
        *(
            select(_D.id)
            .where(branch.condition, *included, *covered.conditions(_D.id))
            .order_by(_D.id)
            .limit(limit)
            .subquery()
            .select()
            for branch in scans
        )
    ).subquery()
    return select(oldest.c.id).order_by(oldest.c.id).limit(limit)
