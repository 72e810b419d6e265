"""What the columns and indexes of several tables have in common."""

from typing import Any

from sqlalchemy import JSON, Column, Double, Index, Text, text
from sqlmodel import Field, SQLModel

# SQLite rebuilds a table to change a constraint, and finds it by its name: so each has one.
SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
}


def epoch_column(*, nullable: bool = False) -> Any:
    """Make a column of seconds since the epoch."""
    return Field(default=None if nullable else ..., sa_type=Double, nullable=nullable)


def json_column(default: str) -> Any:
    """Make a column of JSON, which is never NULL; `default` is JSON too."""
    return Field(sa_column=Column(JSON, nullable=False, server_default=text(f"'{default}'")))


def long_text() -> Any:
    """Make a column of text of any length, or NULL."""
    return Field(default=None, sa_type=Text, nullable=True)


def owned_by(target: str, *, primary_key: bool = False) -> Any:
    """Name the row that takes this one along when it is removed: pruning deletes messages, and nothing is orphaned."""
    return Field(foreign_key=target, ondelete="CASCADE", primary_key=primary_key)


def of_endpoint() -> Any:
    """Name an endpoint, which must be there: no lane would ever look at work for one that is not."""
    return Field(foreign_key="endpoints.id")


def partial_index(name: str, *columns: str, where: str) -> Index:
    """Make an index of the rows where `where` holds, on either database."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))
