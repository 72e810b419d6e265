"""Keyset scans: how a list walks down its ids along one index, and how far it looks for what no index has.

A branch is one walk: its `driver` names the columns of an index that ends in the id, its `residual` is checked row by
row. A residual may match one row in a million, so a page looks at no more than `window` rows of such a walk, says how
far it got, and the next page goes on from there. That keeps every page below 100 ms with a million rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Select,
    String,
    and_,
    func,
    literal,
    literal_column,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

Condition = ColumnElement[bool]
IdColumn = ColumnElement[str]
Columns = Sequence[ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class IndexScan:
    """One walk along an index, newest first."""

    index_conditions: tuple[Condition, ...] = ()
    filter_conditions: tuple[Condition, ...] = ()
    window: int | None = None
    """Rows of the driver that one page looks at; None: no residual, or so few rows that all can be looked at."""
    disjoint: bool = False
    """It shares no row with the other branches that are apart: nothing has to look for rows found twice."""

    @property
    def condition(self) -> Condition:
        """Return what a row of this branch fulfils."""
        return and_(true(), *self.index_conditions, *self.filter_conditions)


@dataclass(frozen=True, slots=True)
class IdRange:
    """The ids that a page may show."""

    floor: str | None = None
    """Included."""
    ceiling: str | None = None
    """Excluded."""

    def within(self, floor: str | None = None, ceiling: str | None = None) -> "IdRange":
        """Return the part of the span that is also between these bounds."""
        floors = [bound for bound in (self.floor, floor) if bound is not None]
        ceilings = [bound for bound in (self.ceiling, ceiling) if bound is not None]
        return IdRange(max(floors, default=None), min(ceilings, default=None))

    def conditions(self, ids: IdColumn) -> tuple[Condition, ...]:
        """Return the span as conditions on the column `ids`."""
        lower = () if self.floor is None else (ids >= self.floor,)
        upper = () if self.ceiling is None else (ids < self.ceiling,)
        return (*lower, *upper)


@dataclass(frozen=True, slots=True)
class ScanLimit:
    """How far a page looked: every match from `down_to` (included) upwards is known; None: to the end of the list."""

    down_to: str | None = None
    scanned: int = 0
    """Rows that were, or may be, checked one by one."""


def just_after(id: str) -> str:  # noqa: A002 -- the field's own word, and nothing here needs the builtin
    """Return the bound that is above `id` and not above any greater id."""
    return f"{id}0"


def constant(value: str) -> ColumnElement[str]:
    """Return a word of the domain as a literal: a partial index serves only a condition that the planner can read."""
    return literal(value, String, literal_execute=True)


def no_index(column: ColumnElement[str]) -> ColumnElement[str]:
    """Return `column` in a form that no planner finds an index for, so that a walk keeps to its driver's."""
    return column.concat(literal_column("''", String))


def scan(
    columns: Columns, branches: Sequence[IndexScan], span: IdRange, limit: int
) -> Select[*tuple[Any, ...]]:
    """Return `columns`, of which the first is the id, of the newest `limit` rows of all branches within `span`.

    Newest first, each once. What a list needs of other tables is joined to this statement as a subquery, so that no
    planner can begin with them, or walk along the whole table because it does not know how few rows these are.
    """
    walks = [
        _scan(columns, branch.index_conditions + branch.filter_conditions, span, limit) for branch in branches
    ]
    if len(walks) == 1:
        return walks[0]
    merge = union_all if all(branch.disjoint for branch in branches) else union
    merged = merge(*(one.subquery().select() for one in walks)).subquery()
    return select(merged).order_by(merged.c[0].desc()).limit(limit)


def _scan(
    columns: Columns, conditions: Iterable[Condition], span: IdRange, limit: int
) -> Select[*tuple[Any, ...]]:
    ids = columns[0]
    return select(*columns).where(*conditions, *span.conditions(ids)).order_by(ids.desc()).limit(limit)


def scan_limit_statement(
    ids: IdColumn, branches: Sequence[IndexScan], span: IdRange
) -> CompoundSelect[*tuple[Any, ...]] | None:
    """Return the statement that says of each bounded walk how many rows it has, and where it must stop."""
    walks = [
        (position, branch.window, _scan((ids,), branch.index_conditions, span, branch.window).subquery())
        for position, branch in enumerate(branches)
        if branch.window is not None
    ]
    if not walks:
        return None
    return union_all(
        *(
            select(
                literal(position).label("branch"),
                literal(window).label("window"),
                func.count().label("rows"),
                func.min(found.c[0]).label("oldest"),
            ).select_from(found)
            for position, window, found in walks
        )
    )


async def find_scan_limits(
    connection: AsyncConnection, ids: IdColumn, branches: Sequence[IndexScan], span: IdRange
) -> tuple[ScanLimit, ...]:
    """Return how far each of these branches is looked along. One query, and none when nothing is bounded."""
    statement = scan_limit_statement(ids, branches, span)
    scan_limits = [ScanLimit() for _ in branches]
    if statement is not None:
        for row in (await connection.execute(statement)).mappings():
            stopped = row["rows"] >= row["window"]
            scan_limits[row["branch"]] = ScanLimit(row["oldest"] if stopped else None, row["rows"])
    return tuple(scan_limits)


async def find_scan_limit(
    connection: AsyncConnection, ids: IdColumn, branches: Sequence[IndexScan], span: IdRange
) -> ScanLimit:
    """Return how far a page over all these branches can look: as far as the one that stops first."""
    stopped = [r for r in await find_scan_limits(connection, ids, branches, span) if r.down_to is not None]
    return ScanLimit(
        max((r.down_to for r in stopped if r.down_to), default=None), sum(r.scanned for r in stopped)
    )
