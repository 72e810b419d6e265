"""Bulk resends."""

from sqlalchemy import Double, Index, Text
from sqlmodel import Field, SQLModel

from breakwater.core.store.schema.columns import epoch_column, long_text, partial_index


class Replay(SQLModel, table=True):
    """A bulk resend: its filter, its upper bound, its rate and its progress."""

    __tablename__ = "replays"
    __table_args__ = (
        Index("ix_replays_state", "state", "id"),
        # Two nodes cannot start the same replay.
        partial_index(
            "ix_replays_active_filter", "filter_digest", where="state IN ('running', 'paused')", unique=True
        ),
    )

    id: str = Field(primary_key=True)
    filter: str = Field(sa_type=Text)
    """The filter of deliveries, as a query string."""
    filter_digest: str | None = None
    """SHA-256 of the filter, which can be too long for an index. None in replays of older versions that had ended."""
    words: str = Field(sa_type=Text)
    """The filter in words, with the names at its creation."""
    up_to: str
    """The newest delivery that it includes."""
    frozen_at: float = epoch_column()
    """The snapshot: relative times of the filter count from here, and later results are not included."""
    pace: float = Field(sa_type=Double)
    """Deliveries per second."""
    reason: str | None = long_text()
    state: str
    created_by: str
    created_at: float = epoch_column()
    finished_at: float | None = epoch_column(nullable=True)
    total: int
    """How many matched at the start, counted up to a limit."""
    total_is_bound: bool = False
    cursor: str = ""
    """The last delivery that was processed."""
    resent: int = 0
    skipped: int = 0
    """Deliveries that changed between the search and the resend."""


class ReplayItem(SQLModel, table=True):
    """A delivery that a replay resent."""

    __tablename__ = "replay_items"

    replay_id: str = Field(primary_key=True)
    delivery_id: str = Field(primary_key=True)
    attempts_before: int
    resent_at: float = epoch_column()
