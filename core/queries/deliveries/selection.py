"""Translate a filter into conditions on deliveries, for the list, its count and an operation on all that match."""

import json
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

from sqlalchemy import Select, and_, func, literal, or_, select, true
from sqlalchemy.sql import ColumnElement

from breakwater.core.domain.states import DeliveryState
from breakwater.core.ids import floor_id, id_range
from breakwater.core.queries.held import held_endpoints
from breakwater.core.queries.paging.filters import WILDCARD, DeliveryFilter
from breakwater.core.queries.paging.scan import Condition, IdRange, IndexScan, constant, just_after, no_index
from breakwater.core.store.engine import bytes_contain
from breakwater.core.store.schema import ATTEMPTS, DELIVERIES, MESSAGES
from breakwater.core.text.timestamps import resolve

SCAN_LIMIT: Final = 10_000
"""Deliveries that one page checks against a condition without an index."""
PAYLOAD_SCAN_LIMIT: Final = 3_000
"""Deliveries whose payloads one page searches."""
MAX_SEARCHED_BYTES: Final = 65_536
"""Bytes beyond which a payload is not searched."""

_SHORTEST_ID: Final = 4
"""Characters after the prefix from which an incomplete id is searched as an id."""
_D = DELIVERIES.c


def index_scans(filters: DeliveryFilter, now: float) -> tuple[IndexScan, ...]:
    """Return the scans that together find the deliveries that match at `now`, without the time range."""
    if filters.q is None:
        return _scans(filters, now)
    checks = (
        or_(*(and_(true(), *scan.filter_conditions) for scan in _scans(filters, now, use_index=False))),
    )
    id_scan = _id_scan(filters.q)
    if id_scan is not None:
        return (replace(id_scan, filter_conditions=checks),)
    by_key = IndexScan((_D.message_id.in_(_messages_with_key(filters.q)),), checks)
    text_condition = _text_condition(filters.q)
    by_text = (
        IndexScan(w.index_conditions, (*w.filter_conditions, text_condition), PAYLOAD_SCAN_LIMIT)
        for w in _scans(filters, now)
    )
    return (by_key, *by_text)


def covered_ids(filters: DeliveryFilter, now: float, up_to: str | None = None) -> IdRange:
    """Return the ids within the time range of `filters`, none above `up_to`."""
    since = None if filters.since is None else floor_id("dlv", resolve(filters.since, now))
    until = None if filters.until is None else floor_id("dlv", resolve(filters.until, now))
    return IdRange(since, until).within(ceiling=None if up_to is None else just_after(up_to))


def clause(filters: DeliveryFilter, now: float, up_to: str | None = None) -> ColumnElement[bool]:
    """Return all of `filters` as one condition on deliveries, for an operation on all that match.

    The operation reads by id in steps, without the scan limits of a page.
    """
    matching = or_(*(branch.condition for branch in index_scans(filters, now)))
    return and_(matching, *covered_ids(filters, now, up_to).conditions(_D.id))


def _scans(filters: DeliveryFilter, now: float, *, use_index: bool = True) -> tuple[IndexScan, ...]:
    """Return the scans of the filter without time range and search; without `use_index` rows are checked one by one."""
    statuses = _statuses(filters, now)
    if filters.failure_class is None:
        return tuple(_index_scan(filters, state, extra, use_index=use_index) for state, extra in statuses)
    # Few deliveries have failed: one scan along the class is cheaper than one for each state.
    checks = [and_(true(), *_equals("state", state, no_index), *extra) for state, extra in statuses]
    return (_index_scan(filters, None, (or_(*checks),), use_index=use_index),)


_Status = tuple[DeliveryState | None, tuple[Condition, ...]]


def _statuses(filters: DeliveryFilter, now: float) -> tuple[_Status, ...]:
    """Return the states that match, each with its further conditions."""
    if filters.states == frozenset(DeliveryState):
        return ((None, ()),)
    plain: tuple[_Status, ...] = tuple((state, ()) for state in sorted(filters.states))
    derived = [
        *([no_index(_D.endpoint_id).in_(held_endpoints(now))] if filters.held else []),
        *([_D.attempt_count > 0] if filters.retrying else []),
    ]
    if derived and DeliveryState.PENDING not in filters.states:
        return (*plain, (DeliveryState.PENDING, (or_(*derived),)))
    return plain or ((None, ()),)


def _index_scan(
    filters: DeliveryFilter, state: DeliveryState | None, extra: tuple[Condition, ...], *, use_index: bool
) -> IndexScan:
    """Return the scan along the index that leaves the fewest rows to check."""
    values = {
        "endpoint_id": filters.endpoint_id,
        "failure_class": filters.failure_class,
        "state": state,
        "event_type": filters.event_type,
    }
    indexed = _index_columns(filters, state) if use_index else ()
    index_conditions = [condition for name in indexed for condition in _equals(name, values[name])]
    unindexed = [name for name in values if name not in indexed]
    filter_conditions = [
        condition for name in unindexed for condition in _equals(name, values[name], no_index)
    ]
    filter_conditions += [*extra, *_error(filters)]
    # Each of several scans has its own state.
    return IndexScan(
        tuple(index_conditions),
        tuple(filter_conditions),
        SCAN_LIMIT if filter_conditions else None,
        disjoint=True,
    )


def _index_columns(filters: DeliveryFilter, state: DeliveryState | None) -> tuple[str, ...]:
    """Choose the most selective index: failure class, endpoint, then any state but delivered, the most frequent."""
    if filters.failure_class is not None:
        return ("endpoint_id", "failure_class")
    if filters.endpoint_id is not None:
        return ("endpoint_id", "state")
    if filters.event_type is not None and state in {None, DeliveryState.DELIVERED}:
        return ("event_type",)
    return ("state",)


def _equals(
    name: str,
    value: str | None,
    form: Callable[[ColumnElement[str]], ColumnElement[str]] = lambda column: column,
) -> tuple[Condition, ...]:
    if value is None:
        return ()
    literal_value = constant(value.value) if isinstance(value, StrEnum) else literal(value)
    return (form(_D[name]) == literal_value,)


def _error(filters: DeliveryFilter) -> tuple[Condition, ...]:
    if filters.error is None:
        return ()
    if WILDCARD not in filters.error:
        return (_D.error == filters.error,)
    escaped = "".join(f"\\{c}" if c in "\\%_" else c for c in filters.error)
    return (_D.error.like(escaped.replace(WILDCARD, "%"), escape="\\"),)


# --- searching


def _id_scan(q: str) -> IndexScan | None:
    """Return the scan for the id `q`, or for ids that begin with it; None when `q` is not an id."""
    prefix, _, id_part = q.partition("_")
    bounds = id_range(prefix, id_part) if len(id_part) >= _SHORTEST_ID else None
    if bounds is None:
        return None
    if prefix == "dlv":
        return IndexScan((_D.id.between(*bounds),), window=SCAN_LIMIT)
    condition_for = _OF_ID.get(prefix) if bounds[0] == bounds[1] else None
    return None if condition_for is None else IndexScan((condition_for(q),), window=SCAN_LIMIT)


_OF_ID: Final[dict[str, Callable[[str], Condition]]] = {
    "msg": lambda id_: _D.message_id == id_,
    "ep": lambda id_: _D.endpoint_id == id_,
    "att": lambda id_: _D.id.in_(select(ATTEMPTS.c.delivery_id).where(ATTEMPTS.c.id == id_)),
}
"""Id prefix -> the condition on its deliveries."""


def _messages_with_key(key: str) -> Select[str]:
    return select(MESSAGES.c.id).where(MESSAGES.c.idempotency_key == key)


@lru_cache(maxsize=8)  # the groups of one search use it a dozen times
def _text_condition(text: str) -> Condition:
    """Return the condition that the event type or the error contains `text` in either case, or the payload exactly."""
    # A scalar subquery, not EXISTS, which PostgreSQL would turn into a hash of the payloads of all messages.
    in_payload = (
        select(
            and_(
                func.length(MESSAGES.c.payload) <= MAX_SEARCHED_BYTES,
                or_(*(bytes_contain(MESSAGES.c.payload, form.encode()) for form in _written_forms(text))),
            )
        )
        .where(MESSAGES.c.id == _D.message_id)
        .scalar_subquery()
    )
    return or_(
        _D.event_type.icontains(text, autoescape=True),
        _D.error.icontains(text, autoescape=True),
        in_payload,
    )


def _written_forms(text: str) -> tuple[str, ...]:
    """Return `text`, and how JSON may write it where that differs: `é` is often stored as its escape."""
    escaped = json.dumps(text)[1:-1]
    return (text,) if escaped == text else (text, escaped)
