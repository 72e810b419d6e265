"""Filters that people keep under a name."""

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from breakwater.core.store.schema.columns import epoch_column


class SavedView(SQLModel, table=True):
    """A filter of deliveries that somebody keeps under a name."""

    __tablename__ = "saved_views"
    __table_args__ = (Index("ix_saved_views_owner", "owner", "name", unique=True),)

    id: str = Field(primary_key=True)
    owner: str
    """The id of the person, or of the key, whose view it is."""
    name: str
    filter: str = Field(sa_type=Text)
    """The query string of the list."""
    created_at: float = epoch_column()
