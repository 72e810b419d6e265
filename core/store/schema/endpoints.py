"""Endpoints."""

from typing import Any

from sqlalchemy import Double, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from breakwater.core.store.schema.columns import epoch_column, json_column, long_text, partial_index


class Endpoint(SQLModel, table=True):
    """An endpoint: its URL and its settings."""

    __tablename__ = "endpoints"
    __table_args__ = (
        Index("ix_endpoints_adhoc_url", "adhoc_key", unique=True),
        partial_index("ix_endpoints_adhoc_owner", "adhoc_owner", where="adhoc_key IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    name: str
    description: str = ""
    url: str = Field(sa_type=Text)
    adhoc_key: str | None = None
    """For an endpoint created for messages to a URL: a digest of URL and settings, so that it is created once."""
    adhoc_owner: str | None = None
    """The sender whose message created it; None for one of a library caller."""
    event_types: list[str] = json_column("[]")
    """Subscribed event types; empty means every type. An ad-hoc endpoint subscribes to none."""
    state: str = "enabled"
    state_reason: str | None = long_text()
    timeout_seconds: float = Field(default=10.0, sa_type=Double)
    retry_delays: list[float] = json_column("[]")
    retry_jitter: float = Field(default=0.1, sa_type=Double)
    circuit: dict[str, Any] = json_column("{}")
    """The fields of `CircuitBreakerConfig`."""
    max_in_flight: int = 64
    rate_limit_per_second: float | None = Field(default=None, sa_type=Double)
    headers: dict[str, str | None] = json_column("{}")
    """Custom headers: each name with its public value, or null when the value is secret."""
    secret_headers: bytes | None = Field(default=None, sa_type=LargeBinary)
    """The secret values by name, encrypted."""
    mask_attempts_after: str | None = None
    """Attempts with a greater id may contain header values in clear, from an older version. Null: none do."""
    signature: str = "standard"
    secret: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Encrypted."""
    previous_secret: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Encrypted; both sign until `previous_secret_until`."""
    previous_secret_until: float | None = epoch_column(nullable=True)
    throttled_until: float | None = epoch_column(nullable=True)
    """Until when the endpoint is rate limited: by 429, or by 503 with Retry-After."""
    created_at: float = epoch_column()
    updated_at: float = epoch_column()
    deleted_at: float | None = epoch_column(nullable=True)
    """A deleted endpoint keeps its row, because the history references it."""
