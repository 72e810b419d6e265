"""Kinds of columns and indexes that several tables use."""

from typing import Any

from sqlalchemy import JSON, Column, Double, Index, Text, text
from sqlmodel import Field, SQLModel

# To change a constraint, SQLite rebuilds the table and finds the constraint by its name, so each needs one.
SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
}


def epoch_column(*, nullable: bool = False) -> Any:
    """Return a column of seconds since the epoch (UTC)."""
    return Field(default=None if nullable else ..., sa_type=Double, nullable=nullable)


def json_column(default: str) -> Any:
    """Return a column of JSON that is never NULL; `default` is JSON text."""
    return Field(sa_column=Column(JSON, nullable=False, server_default=text(f"'{default}'")))


def long_text() -> Any:
    """Return a nullable column of text of any length."""
    return Field(default=None, sa_type=Text, nullable=True)


def owned_by(target: str, *, primary_key: bool = False) -> Any:
    """Return a reference to the row whose deletion also deletes this one."""
    return Field(foreign_key=target, ondelete="CASCADE", primary_key=primary_key)


def of_endpoint() -> Any:
    """Return a reference to an endpoint. A delivery without one would never be sent."""
    return Field(foreign_key="endpoints.id")


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows where `where` holds, on both databases."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
