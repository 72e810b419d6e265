"""Attempts counted per minute and per half hour, for charts."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

ALL_ENDPOINTS = "*"
"""The `endpoint_id` of the counts of all endpoints together, so that a chart reads few rows."""


class MinuteStat(SQLModel, table=True):
    """Attempts in one minute by outcome and latency bucket, of one endpoint or of all."""

    __tablename__ = "minute_stats"
    __table_args__ = (Index("ix_minute_stats_minute", "minute"),)

    endpoint_id: str = Field(primary_key=True)
    """An endpoint, or `ALL_ENDPOINTS`. Each attempt is counted in both."""
    minute: int = Field(primary_key=True)
    """Minutes since the epoch."""
    outcome: str = Field(primary_key=True)
    """`success` or the failure class."""
    latency_bucket: int = Field(primary_key=True)
    """See `breakwater.core.domain.latency`."""
    attempts: int


class HalfHourStat(SQLModel, table=True):
    """The rows of `minute_stats` added up per half hour, for charts of a day and longer."""

    __tablename__ = "half_hour_stats"
    __table_args__ = ({"sqlite_with_rowid": False},)  # stored in the order of the reads

    endpoint_id: str = Field(primary_key=True)
    minute: int = Field(primary_key=True)
    """The first minute of the half hour, since the epoch."""
    outcome: str = Field(primary_key=True)
    latency_bucket: int = Field(primary_key=True)
    attempts: int
