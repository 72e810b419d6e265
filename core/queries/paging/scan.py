"""Keyset scans: how a list reads its ids along one index, and how far it searches without an index.

The `index_conditions` of a scan name the columns of an index that ends in the id; its `filter_conditions` are checked
row by row. A filter may match one row in a million, so a page checks at most `window` rows of such a scan and says how
far it got; the next page continues there.
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
    """A read along an index, newest first."""

    index_conditions: tuple[Condition, ...] = ()
    filter_conditions: tuple[Condition, ...] = ()
    window: int | None = None
    """Rows that one page checks; None without filter conditions, or when so few rows match the index conditions."""
    disjoint: bool = False
    """It shares no row with other disjoint scans, so that no duplicates have to be removed."""

    @property
    def condition(self) -> Condition:
        """Return the condition on a row of this scan."""
        return and_(true(), *self.index_conditions, *self.filter_conditions)


@dataclass(frozen=True, slots=True)
class IdRange:
    """The ids that a page may show."""

    floor: str | None = None
    """Included."""
    ceiling: str | None = None
    """Excluded."""

    def within(self, floor: str | None = None, ceiling: str | None = None) -> "IdRange":
        """Return the part of the range that is also between these bounds."""
        floors = [bound for bound in (self.floor, floor) if bound is not None]
        ceilings = [bound for bound in (self.ceiling, ceiling) if bound is not None]
        return IdRange(max(floors, default=None), min(ceilings, default=None))

    def conditions(self, ids: IdColumn) -> tuple[Condition, ...]:
        """Return the range as conditions on the column `ids`."""
        lower = () if self.floor is None else (ids >= self.floor,)
        upper = () if self.ceiling is None else (ids < self.ceiling,)
        return (*lower, *upper)


@dataclass(frozen=True, slots=True)
class ScanLimit:
    """How far a page searched: it has all matches from the id `down_to` (included) upwards; None: all matches."""

    down_to: str | None = None
    scanned: int = 0
    """Rows that were, or may be, checked one by one."""


def just_after(id: str) -> str:  # noqa: A002 -- the field's own word, and nothing here needs the builtin
    """Return the bound that is above `id` and not above any greater id."""
    return f"{id}0"


def constant(value: str) -> ColumnElement[str]:
    """Return a value as a literal: a partial index serves only a condition that the planner can read."""
    return literal(value, String, literal_execute=True)


def no_index(column: ColumnElement[str]) -> ColumnElement[str]:
    """Return `column` in a form that no index serves, so that a scan keeps to the index of its index conditions."""
    return column.concat(literal_column("''", String))


def scan(
    columns: Columns, scans: Sequence[IndexScan], id_range: IdRange, limit: int
) -> Select[*tuple[Any, ...]]:
    """Select `columns`, the id first, of the newest `limit` rows of all scans within `id_range`, without duplicates.

    Lists join other tables to this statement as a subquery: otherwise a planner could start with those tables, or read
    the whole table because it does not know how few rows match.
    """
    statements = [
        _scan(columns, part.index_conditions + part.filter_conditions, id_range, limit) for part in scans
    ]
    if len(statements) == 1:
        return statements[0]
    merge = union_all if all(part.disjoint for part in scans) else union
    merged = merge(*(part.subquery().select() for part in statements)).subquery()
    return select(merged).order_by(merged.c[0].desc()).limit(limit)


def _scan(
    columns: Columns, conditions: Iterable[Condition], id_range: IdRange, limit: int
) -> Select[*tuple[Any, ...]]:
    ids = columns[0]
    return select(*columns).where(*conditions, *id_range.conditions(ids)).order_by(ids.desc()).limit(limit)


def scan_limit_statement(
    ids: IdColumn, scans: Sequence[IndexScan], id_range: IdRange
) -> CompoundSelect[*tuple[Any, ...]] | None:
    """Return the statement that finds for each bounded scan how many rows it has, and where it must stop."""
    statements = [
        (
            position,
            part.window,
            _scan((ids,), part.index_conditions, id_range, part.window).subquery(),
        )
        for position, part in enumerate(scans)
        if part.window is not None
    ]
    if not statements:
        return None
    return union_all(
        *(
            select(
                literal(position).label("branch"),
                literal(window).label("window"),
                func.count().label("rows"),
                func.min(rows.c[0]).label("oldest"),
            ).select_from(rows)
            for position, window, rows in statements
        )
    )


async def find_scan_limits(
    connection: AsyncConnection, ids: IdColumn, scans: Sequence[IndexScan], id_range: IdRange
) -> tuple[ScanLimit, ...]:
    """Return how far each of these scans reads. One statement, and none when no scan is bounded."""
    statement = scan_limit_statement(ids, scans, id_range)
    scan_limits = [ScanLimit() for _ in scans]
    if statement is not None:
        for row in (await connection.execute(statement)).mappings():
            stopped = row["rows"] >= row["window"]
            scan_limits[row["branch"]] = ScanLimit(row["oldest"] if stopped else None, row["rows"])
    return tuple(scan_limits)


async def find_scan_limit(
    connection: AsyncConnection, ids: IdColumn, scans: Sequence[IndexScan], id_range: IdRange
) -> ScanLimit:
    """Return how far a page over all these scans can read: as far as the one that stops first."""
    stopped = [r for r in await find_scan_limits(connection, ids, scans, id_range) if r.down_to is not None]
    return ScanLimit(
        max((r.down_to for r in stopped if r.down_to), default=None), sum(r.scanned for r in stopped)
    )
