"""Pages of endpoints, open circuits first: order and cursors of the circuit board and of the list of endpoints.

Circuits that are open or half-open come first, then endpoints that are paused or disabled, then the rest. Within each
group the order is by name, ad-hoc endpoints last: a key that does not change while a circuit alternates between open
and half-open, so that no row moves under a pointer.

A cursor stores the position; name and kind are looked up by the id.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    Subquery,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.paging.cursors import Cursor, read_place, refuse_cursor
from breakwater.core.queries.paging.filter_fields import ParameterReader
from breakwater.core.queries.rows import Row
from breakwater.core.store.schema import CIRCUITS, ENDPOINTS

MAX_PAGE_ENDPOINTS: Final = 500
"""Lanes of one page."""
_E = ENDPOINTS.c
_HEALTHY_RANK: Final = 2

_state: Final[ColumnElement[str]] = func.coalesce(CIRCUITS.c.state, CircuitState.CLOSED.value, type_=String)
_rank: Final[ColumnElement[int]] = case(
    (_state != CircuitState.CLOSED.value, 0),
    (_E.state != EndpointState.ENABLED.value, 1),
    else_=_HEALTHY_RANK,
)
_adhoc: Final[ColumnElement[int]] = case((_E.adhoc_key.is_(None), 0), else_=1)


@dataclass(frozen=True, slots=True)
class Place:
    """The last endpoint of a page: the next page continues after it."""

    rank: int
    adhoc: int
    name: str
    endpoint_id: str


def lanes() -> FromClause:
    """Return endpoints joined with their circuits, if they have one yet."""
    return ENDPOINTS.outerjoin(CIRCUITS, CIRCUITS.c.endpoint_id == _E.id)


def page_subquery(*conditions: ColumnElement[bool], after: Place | None, limit: int) -> Subquery:
    """Return the ids of one page with their sort keys; details are read for these endpoints only."""
    statement = select(_E.id, _rank.label("rank"), _adhoc.label("adhoc"), _E.name)
    statement = statement.select_from(lanes()).where(_E.deleted_at.is_(None), *conditions)
    if after is not None:
        sort_key = tuple_(_rank, _adhoc, _E.name, _E.id)
        last_key = (after.rank, after.adhoc, after.name, after.endpoint_id)
        statement = statement.where(sort_key > tuple_(*(literal(value) for value in last_key)))
    return statement.order_by(_rank, _adhoc, _E.name, _E.id).limit(limit).subquery("page")


def open_first(page: Subquery) -> tuple[ColumnElement[Any], ...]:
    """Return the order of a page, for the statement that joins it."""
    return page.c.rank, page.c.adhoc, page.c.name, page.c.id


def states_statement(*conditions: ColumnElement[bool]) -> Select[str, int]:
    """Return the statement that counts endpoints by the state of their circuit."""
    counted = select(_state.label("circuit_state"), func.count()).select_from(lanes())
    return counted.where(_E.deleted_at.is_(None), *conditions).group_by("circuit_state")


def text_conditions(text: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for endpoints whose name or URL contains `text`, or whose id it is.

    Raises InvalidInput naming `q` for a text that no database stores.
    """
    reader = ParameterReader({"q": text})
    search_text = reader.text("q")
    if reader.problems:
        raise InvalidInput(reader.problems)
    if search_text is None:
        return ()
    within = (column.icontains(search_text, autoescape=True) for column in (_E.name, _E.url))
    return (or_(*within, _E.id == search_text),)


def cursor_after(row: Row, now: float) -> str:
    """Return the cursor of the page after `row`."""
    return str(Cursor(row["endpoint__id"], now, (row["rank"],)))


async def read_position(connection: AsyncConnection, cursor: str | None, now: float) -> Place | None:
    """Return where the page of `cursor` begins. Raises InvalidInput naming `cursor`."""
    place = read_place(cursor, "ep", now, keys=1)
    if place is None:
        return None
    row = (await connection.execute(select(_E.name, _adhoc).where(_E.id == place.last_id))).one_or_none()
    if row is None:
        refuse_cursor("malformed")
    (rank,) = place.keys
    name, adhoc = row
    return Place(rank, adhoc, name, place.last_id)
