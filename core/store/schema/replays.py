"""Bulk resends."""

from sqlalchemy import Double, Index, Text
from sqlmodel import Field, SQLModel

from breakwater.core.store.schema.columns import epoch_column, long_text


class Replay(SQLModel, table=True):
    """A bulk resend: a filter, a frozen upper bound, a pace, and how far it has come."""

    __tablename__ = "replays"
    __table_args__ = (Index("ix_replays_state", "state", "id"),)

    id: str = Field(primary_key=True)
    filter: str = Field(sa_type=Text)
    """The query string of the deliveries that are meant."""
    words: str = Field(sa_type=Text)
    """The filter as a person reads it, with the names of that moment."""
    up_to: str
    """The newest delivery that belongs to it: what arrived later is never touched."""
    frozen_at: float = epoch_column()
    """Relative times of the filter are taken from here; what ended later is never touched either."""
    pace: float = Field(sa_type=Double)
    """Deliveries a second."""
    reason: str | None = long_text()
    state: str
    created_by: str
    created_at: float = epoch_column()
    finished_at: float | None = epoch_column(nullable=True)
    total: int
    """How many matched at the start, counted up to a bound."""
    total_is_bound: bool = False
    cursor: str = ""
    """The last delivery that was looked at."""
    resent: int = 0
    skipped: int = 0
    """Matched when found, and had changed by the time it was their turn."""


class ReplayItem(SQLModel, table=True):
    """A delivery that a replay resent."""

    __tablename__ = "replay_items"

    replay_id: str = Field(primary_key=True)
    delivery_id: str = Field(primary_key=True)
    attempts_before: int
    resent_at: float = epoch_column()
