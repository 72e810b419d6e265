"""Attempts counted by the minute and by the half hour: what charts read instead of the attempts."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

ALL_ENDPOINTS = "*"
"""Stands in `minute_stats` for all endpoints together: a chart of a week must not add up a million rows."""


class MinuteStat(SQLModel, table=True):
    """Attempts in one minute by outcome and latency bucket, of one endpoint and of all: what every chart reads."""

    __tablename__ = "minute_stats"
    __table_args__ = (Index("ix_minute_stats_minute", "minute"),)

    endpoint_id: str = Field(primary_key=True)
    """An endpoint, or `ALL_ENDPOINTS`; every attempt is counted under both."""
    minute: int = Field(primary_key=True)
    """Minutes since the epoch."""
    outcome: str = Field(primary_key=True)
    """`success` or the failure class."""
    latency_bucket: int = Field(primary_key=True)
    """See `breakwater.core.domain.latency`."""
    attempts: int


class HalfHourStat(SQLModel, table=True):
    """The rows of `minute_stats` summed up by the half hour once it is over: what charts of a day and longer read.

    A week by the minute is half a million rows for one busy endpoint, and took 300 ms to add up.
    """

    __tablename__ = "half_hour_stats"
    __table_args__ = ({"sqlite_with_rowid": False},)  # stored in the order in which it is read

    endpoint_id: str = Field(primary_key=True)
    minute: int = Field(primary_key=True)
    """The first minute of the half hour, since the epoch."""
    outcome: str = Field(primary_key=True)
    latency_bucket: int = Field(primary_key=True)
    attempts: int
