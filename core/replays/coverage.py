"""How much a replay covers, and what would go out first: the dry run's reads, each bounded in what it looks at.

Nearly everybody resends what failed, perhaps of one endpoint or of the last hours. That is counted within an index,
exactly, up to 100,000. For any other filter deliveries are looked at one by one, and no more than so many: "12+" then
says that older ones may match too.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
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
"""A plan counts up to here: ten times what a list counts, because a number is to be typed for it."""
SCAN_LIMIT: Final = 30_000
"""Deliveries that are looked at one by one: about 50 ms."""
SEARCHED: Final = 6_000
"""Deliveries whose payloads are searched: about 40 ms at 1 KB each."""
LATE: Final = 10_000
"""Deliveries that ended after the snapshot and are taken off the count; beyond, all are looked at one by one."""
_D = DELIVERIES.c

Tally = Counter[tuple[str, str]]
"""How many of which endpoint and in which state."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a replay covers, and the first of it."""

    total: BoundedCount
    endpoints: tuple[tuple[str, str, int], ...]
    """Id, name and count, most first."""
    states: dict[DeliveryState, int]
    first: tuple[str, ...]
    """The oldest ids; where `bounds` are, the oldest among those that were looked at."""
    bounds: SearchBounds | None


async def extent(
    connection: AsyncConnection, wanted: DeliveryFilter, up_to: str, frozen_at: float, sample: int
) -> Extent:
    """Return how much of `wanted` had arrived and ended when it was frozen, and its first `sample` ids."""
    walks, covered, scan_limit = (
        walks_of(wanted, frozen_at),
        covered_ids(wanted, frozen_at, up_to),
        ScanLimit(),
    )
    tally = await _within_index(connection, wanted, covered, frozen_at) if is_plain(wanted) else None
    if tally is None:
        scan_limit = await find_scan_limit(connection, _D.id, walks, covered)
        covered = covered.within(floor=scan_limit.down_to)
        tally = await _read(connection, tally_statement(walks, covered))
    first = (await connection.execute(first_statement(walks, covered, sample))).scalars() if tally else ()
    bounds = bounds_of(scan_limit, frozen_at, "deliveries")
    states = Counter[DeliveryState]()
    for (_endpoint_id, state), number in tally.items():
        states[DeliveryState(state)] += number
    return Extent(
        total=BoundedCount(
            min(tally.total(), COUNT_LIMIT), bounds is not None or tally.total() > COUNT_LIMIT
        ),
        endpoints=await _by_endpoint(connection, tally),
        states=dict(states),
        first=tuple(first),
        bounds=bounds,
    )


def is_plain(wanted: DeliveryFilter) -> bool:
    """Return whether an index has all that `wanted` asks for: endpoint, states and times."""
    return not (wanted.event_type or wanted.failure_class or wanted.error or wanted.q)


def walks_of(wanted: DeliveryFilter, frozen_at: float) -> tuple[IndexScan, ...]:
    """Return the walks to what can be resent; those of a filter that is not plain look at so many and no more."""
    ended = _D.finished_at <= frozen_at
    if is_plain(wanted):
        return tuple(
            IndexScan(_of(wanted.endpoint_id, state), (ended,), SCAN_LIMIT, disjoint=True)
            for state in _states(wanted)
        )
    resendable = no_index(_D.state).in_(RESENDABLE)
    return tuple(
        replace(
            found,
            filter_conditions=(*found.filter_conditions, resendable, ended),
            window=_window(wanted, found),
        )
        for found in index_scans(wanted, frozen_at)
    )


def _window(wanted: DeliveryFilter, found: IndexScan) -> int | None:
    if wanted.q is None:
        return SCAN_LIMIT
    return None if found.window is None else SEARCHED


def _of(endpoint_id: str | ColumnElement[str] | None, state: str) -> tuple[Condition, ...]:
    in_state = _D.state == constant(state)
    return (in_state,) if endpoint_id is None else (_D.endpoint_id == endpoint_id, in_state)


def _states(wanted: DeliveryFilter) -> tuple[str, ...]:
    """Return the states that are asked for and can be resent: what is held or retried is pending, and cannot be."""
    if not (wanted.states or wanted.held or wanted.retrying):
        return RESENDABLE
    return tuple(state for state in RESENDABLE if DeliveryState(state) in wanted.states)


async def _within_index(
    connection: AsyncConnection, wanted: DeliveryFilter, covered: IdRange, frozen_at: float
) -> Tally | None:
    """Return how many there are without looking at one; None where too many have ended since the snapshot."""
    states = _states(wanted)
    if not states:
        return Tally()
    edges = {
        state: newest
        for state, newest in await connection.execute(edges_statement(wanted, covered))
        if newest
    }
    if not edges:
        return Tally()
    tally = await _read(connection, counts_statement(wanted, covered, edges))
    late = (await connection.execute(late_statement(wanted, covered, frozen_at))).all()
    if len(late) > LATE:
        return None
    tally.subtract(Tally((endpoint, state) for id_, endpoint, state in late if id_ <= edges.get(state, "")))
    return +tally


async def _read(connection: AsyncConnection, statement: Any) -> Tally:
    counted = await connection.execute(statement)
    return +Tally({(endpoint_id, state): number for endpoint_id, state, number in counted})


async def _by_endpoint(connection: AsyncConnection, tally: Tally) -> tuple[tuple[str, str, int], ...]:
    numbers = Counter[str]()
    for (endpoint_id, _state), number in tally.items():
        numbers[endpoint_id] += number
    known = select(ENDPOINTS.c.id, ENDPOINTS.c.name)
    names = {row.id: row.name for row in await connection.execute(known)} if numbers else {}
    return tuple((id_, names[id_], number) for id_, number in numbers.most_common())


def edges_statement(wanted: DeliveryFilter, covered: IdRange) -> CompoundSelect[str, str]:
    """Return the statement that says of each state where counting ends, oldest first: at the bound, or at the end."""
    found = [
        select(_D.id)
        .where(*_of(wanted.endpoint_id, state), *covered.conditions(_D.id))
        .order_by(_D.id)
        .limit(COUNT_LIMIT + 1)
        .subquery()
        for state in _states(wanted)
    ]
    named = zip(_states(wanted), found, strict=True)
    return union_all(*(select(literal(state), func.max(ids.c.id)) for state, ids in named))


def counts_statement(
    wanted: DeliveryFilter, covered: IdRange, edges: Mapping[str, str]
) -> CompoundSelect[str, str, int]:
    """Return the statement that counts each endpoint's deliveries of each state up to its edge."""
    chosen = true() if wanted.endpoint_id is None else ENDPOINTS.c.id == wanted.endpoint_id
    return union_all(
        *(
            select(
                ENDPOINTS.c.id, literal(state), _count(state, covered.within(ceiling=just_after(edge)))
            ).where(chosen)
            for state, edge in edges.items()
        )
    )


def _count(state: str, covered: IdRange) -> ColumnElement[int]:
    counted = select(func.count()).where(*_of(ENDPOINTS.c.id, state), *covered.conditions(_D.id))
    return counted.correlate(ENDPOINTS).scalar_subquery()


def late_statement(wanted: DeliveryFilter, covered: IdRange, frozen_at: float) -> Select[str, str, str]:
    """Return the statement that finds what the counts have too much: what ended after the snapshot."""
    endpoint = () if wanted.endpoint_id is None else (no_index(_D.endpoint_id) == wanted.endpoint_id,)
    return (
        select(_D.id, _D.endpoint_id, _D.state)
        .where(_D.finished_at > frozen_at, *endpoint, *covered.conditions(no_index(_D.id)))
        .limit(LATE + 1)
    )


def tally_statement(walks: Sequence[IndexScan], covered: IdRange) -> Select[str, str, int]:
    """Return the statement that counts, by endpoint and state, what these walks look at."""
    found = scan((_D.id, _D.endpoint_id, _D.state), walks, covered, COUNT_LIMIT + 1).subquery().c
    return select(found.endpoint_id, found.state, func.count()).group_by(found.endpoint_id, found.state)


def first_statement(walks: Sequence[IndexScan], covered: IdRange, limit: int) -> Select[str]:
    """Return the statement that finds the oldest of what these walks find: it goes out first."""
    oldest = union(
        *(
            select(_D.id)
            .where(found.condition, *covered.conditions(_D.id))
            .order_by(_D.id)
            .limit(limit)
            .subquery()
            .select()
            for found in walks
        )
    ).subquery()
    return select(oldest.c.id).order_by(oldest.c.id).limit(limit)
