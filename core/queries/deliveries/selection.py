"""A filter as conditions on deliveries: the same for the list, the count and an action on all that match."""

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
from breakwater.core.queries.held import halted_endpoints
from breakwater.core.queries.paging.filters import WILDCARD, DeliveryFilter
from breakwater.core.queries.paging.scan import Condition, IdRange, IndexScan, constant, just_after, no_index
from breakwater.core.store.engine import bytes_contain
from breakwater.core.store.schema import ATTEMPTS, DELIVERIES, MESSAGES
from breakwater.core.text.timestamps import resolve

SCAN_LIMIT: Final = 10_000
"""Deliveries that one page checks against a condition without an index: about 20 ms."""
SEARCHED: Final = 3_000
"""Deliveries whose payloads one page searches: about 20 ms at 1 KB each."""
SEARCHED_PAYLOAD: Final = 65_536
"""Bytes beyond which a payload is not searched."""

_SHORTEST_ID: Final = 4
"""Characters behind the prefix below which the beginning of an id says too little."""
_D = DELIVERIES.c


def branches(wanted: DeliveryFilter, now: float) -> tuple[IndexScan, ...]:
    """Return the walks that together find what `wanted` matches at `now`, apart from its times."""
    if wanted.q is None:
        return _walks(wanted, now)
    checks = (or_(*(and_(true(), *scan.filter_conditions) for scan in _walks(wanted, now, led=False))),)
    exact = _exact(wanted.q)
    if exact is not None:
        return (replace(exact, filter_conditions=checks),)
    of_key = IndexScan((_D.message_id.in_(_messages_of_key(wanted.q)),), checks)
    text = _mentions(wanted.q)
    searched = (
        IndexScan(w.index_conditions, (*w.filter_conditions, text), SEARCHED) for w in _walks(wanted, now)
    )
    return (of_key, *searched)


def span(wanted: DeliveryFilter, now: float, up_to: str | None = None) -> IdRange:
    """Return the ids that `wanted` covers: its times, and nothing that arrived after `up_to` (included)."""
    since = None if wanted.since is None else floor_id("dlv", resolve(wanted.since, now))
    until = None if wanted.until is None else floor_id("dlv", resolve(wanted.until, now))
    return IdRange(since, until).within(ceiling=None if up_to is None else just_after(up_to))


def clause(wanted: DeliveryFilter, now: float, up_to: str | None = None) -> ColumnElement[bool]:
    """Return the whole of `wanted` as one condition on the table of deliveries, for an action on all that match.

    The action walks by id in steps of its own; what a page looks at is bounded, what is meant is not.
    """
    matching = or_(*(branch.condition for branch in branches(wanted, now)))
    return and_(matching, *span(wanted, now, up_to).conditions(_D.id))


def _walks(wanted: DeliveryFilter, now: float, *, led: bool = True) -> tuple[IndexScan, ...]:
    """Return the walks of everything in `wanted` but its times and its search; not `led`, all of it is checked."""
    statuses = _statuses(wanted, now)
    if wanted.failure_class is None:
        return tuple(_walk(wanted, state, extra, led=led) for state, extra in statuses)
    # Few deliveries have failed: one walk along the class is cheaper than one for each state.
    checks = [and_(true(), *_equals("state", state, no_index), *extra) for state, extra in statuses]
    return (_walk(wanted, None, (or_(*checks),), led=led),)


_Status = tuple[DeliveryState | None, tuple[Condition, ...]]


def _statuses(wanted: DeliveryFilter, now: float) -> tuple[_Status, ...]:
    """Return the states that match, each with what must hold beside it."""
    if wanted.states == frozenset(DeliveryState):
        return ((None, ()),)
    plain: tuple[_Status, ...] = tuple((state, ()) for state in sorted(wanted.states))
    derived = [
        *([no_index(_D.endpoint_id).in_(halted_endpoints(now))] if wanted.held else []),
        *([_D.attempt_count > 0] if wanted.retrying else []),
    ]
    if derived and DeliveryState.PENDING not in wanted.states:
        return (*plain, (DeliveryState.PENDING, (or_(*derived),)))
    return plain or ((None, ()),)


def _walk(
    wanted: DeliveryFilter, state: DeliveryState | None, extra: tuple[Condition, ...], *, led: bool
) -> IndexScan:
    """Return the walk along the index that leaves least to check."""
    values = {
        "endpoint_id": wanted.endpoint_id,
        "failure_class": wanted.failure_class,
        "state": state,
        "event_type": wanted.event_type,
    }
    leading = _leading(wanted, state) if led else ()
    index_conditions = [condition for name in leading for condition in _equals(name, values[name])]
    checked = [name for name in values if name not in leading]
    filter_conditions = [condition for name in checked for condition in _equals(name, values[name], no_index)]
    filter_conditions += [*extra, *_error(wanted)]
    # Of several walks each has a state of its own.
    return IndexScan(
        tuple(index_conditions),
        tuple(filter_conditions),
        SCAN_LIMIT if filter_conditions else None,
        disjoint=True,
    )


def _leading(wanted: DeliveryFilter, state: DeliveryState | None) -> tuple[str, ...]:
    """Choose the index: what failed is rare, then comes the endpoint, then any state but delivered, which most are."""
    if wanted.failure_class is not None:
        return ("endpoint_id", "failure_class")
    if wanted.endpoint_id is not None:
        return ("endpoint_id", "state")
    if wanted.event_type is not None and state in {None, DeliveryState.DELIVERED}:
        return ("event_type",)
    return ("state",)


def _equals(
    name: str,
    value: str | None,
    form: Callable[[ColumnElement[str]], ColumnElement[str]] = lambda column: column,
) -> tuple[Condition, ...]:
    if value is None:
        return ()
    known = constant(value.value) if isinstance(value, StrEnum) else literal(value)
    return (form(_D[name]) == known,)


def _error(wanted: DeliveryFilter) -> tuple[Condition, ...]:
    if wanted.error is None:
        return ()
    if WILDCARD not in wanted.error:
        return (_D.error == wanted.error,)
    escaped = "".join(f"\\{c}" if c in "\\%_" else c for c in wanted.error)
    return (_D.error.like(escaped.replace(WILDCARD, "%"), escape="\\"),)


# --- searching


def _exact(q: str) -> IndexScan | None:
    """Return the walk to what has the id `q`, or to deliveries whose ids begin with it; None when it is a text."""
    prefix, _, rest = q.partition("_")
    found = id_range(prefix, rest) if len(rest) >= _SHORTEST_ID else None
    if found is None:
        return None
    if prefix == "dlv":
        return IndexScan((_D.id.between(*found),), window=SCAN_LIMIT)
    of = _OF_ID.get(prefix) if found[0] == found[1] else None
    return None if of is None else IndexScan((of(q),), window=SCAN_LIMIT)


_OF_ID: Final[dict[str, Callable[[str], Condition]]] = {
    "msg": lambda id_: _D.message_id == id_,
    "ep": lambda id_: _D.endpoint_id == id_,
    "att": lambda id_: _D.id.in_(select(ATTEMPTS.c.delivery_id).where(ATTEMPTS.c.id == id_)),
}
"""The deliveries that an id of another kind leads to."""


def _messages_of_key(key: str) -> Select[str]:
    return select(MESSAGES.c.id).where(MESSAGES.c.idempotency_key == key)


@lru_cache(maxsize=8)  # the groups of one search ask for it a dozen times
def _mentions(text: str) -> Condition:
    """Return whether event type or error contain `text` in either case, or the payload as it stands."""
    # A value, not EXISTS: PostgreSQL would make that a hash over the payloads of all messages.
    in_payload = (
        select(
            and_(
                func.length(MESSAGES.c.payload) <= SEARCHED_PAYLOAD,
                or_(*(bytes_contain(MESSAGES.c.payload, form.encode()) for form in _written_forms(text))),
            )
        )
        .where(MESSAGES.c.id == _D.message_id)
        .scalar_subquery()
    )
    return or_(
        _D.event_type.icontains(text, autoescape=True), _D.error.icontains(text, autoescape=True), in_payload
    )


def _written_forms(text: str) -> tuple[str, ...]:
    """Return `text`, and how JSON may write it where that differs: `é` is often stored as its escape."""
    escaped = json.dumps(text)[1:-1]
    return (text,) if escaped == text else (text, escaped)
