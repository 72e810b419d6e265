"""Runs migrations on the connection that it is given. Loaded by alembic."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from breakwater.core.store import schema as schema  # noqa: PLC0414  # registers the tables with SQLModel's metadata


def render(kind: str, column_type: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write SQLModel's own string type as the plain one that it is, so that migrations need SQLAlchemy alone."""
    return "sa.String()" if kind == "type" and isinstance(column_type, AutoString) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    render_item=render,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
