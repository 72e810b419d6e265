"""Saved filters of deliveries."""

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from breakwater.core.store.schema.columns import epoch_column


class SavedView(SQLModel, table=True):
    """A named filter of deliveries."""

    __tablename__ = "saved_views"
    __table_args__ = (Index("ix_saved_views_owner", "owner", "name", unique=True),)

    id: str = Field(primary_key=True)
    owner: str
    """The id of the person or key that saved it."""
    name: str
    filter: str = Field(sa_type=Text)
    """The filter, as a query string."""
    created_at: float = epoch_column()
