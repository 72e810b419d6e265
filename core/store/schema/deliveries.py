"""What callers handed in, and what came of it: a message, its deliveries, their attempts."""

from sqlalchemy import JSON, Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from breakwater.core.store.schema.columns import (
    epoch_column,
    json_column,
    long_text,
    of_endpoint,
    owned_by,
    partial_index,
)


class Message(SQLModel, table=True):
    """What a caller handed in once."""

    __tablename__ = "messages"
    __table_args__ = (
        partial_index("ix_messages_idempotency_key", "idempotency_key", where="idempotency_key IS NOT NULL"),
        Index("ix_messages_created", "created_at"),
    )

    id: str = Field(primary_key=True)
    event_type: str
    payload: bytes = Field(sa_type=LargeBinary)
    delivery_count: int
    """0 when no endpoint matched: recorded, so that it can be seen and explained."""
    idempotency_key: str | None = None
    created_at: float = epoch_column()


class Delivery(SQLModel, table=True):
    """One message to one endpoint."""

    __tablename__ = "deliveries"
    __table_args__ = (
        partial_index("ix_deliveries_due", "endpoint_id", "next_attempt_at", "id", where="state = 'pending'"),
        partial_index("ix_deliveries_lease", "lease_until", where="state = 'in_flight'"),
        partial_index("ix_deliveries_finished", "finished_at", where="finished_at IS NOT NULL"),
        Index("ix_deliveries_message", "message_id"),
        Index("ix_deliveries_state", "state", "id"),
        Index("ix_deliveries_endpoint", "endpoint_id", "id"),
        Index("ix_deliveries_endpoint_state", "endpoint_id", "state", "id"),
        Index("ix_deliveries_event_type", "event_type", "id"),
        # What goes well never enters these two.
        partial_index("ix_deliveries_failure", "failure_class", "id", where="failure_class IS NOT NULL"),
        partial_index(
            "ix_deliveries_endpoint_failure",
            "endpoint_id",
            "failure_class",
            "id",
            where="failure_class IS NOT NULL",
        ),
    )

    id: str = Field(primary_key=True)
    message_id: str = owned_by("messages.id")
    endpoint_id: str = of_endpoint()
    event_type: str
    state: str
    next_attempt_at: float | None = epoch_column(nullable=True)
    trigger: str = "schedule"
    """What the next attempt will have been made by."""
    attempt_count: int = 0
    """Attempts recorded, `lost` ones among them: the numbering, which a resend continues."""
    budget_spent: int = 0
    """Attempts that count against the retry policy since the last resend."""
    lost_count: int = 0
    """Claims in a row whose worker died."""
    failure_class: str | None = None
    """Of the latest attempt; None when it succeeded or none was made."""
    status_code: int | None = None
    error: str | None = long_text()
    claim_token: str | None = None
    """Fences the claim: a result that carries another token changes nothing."""
    claimed_by: str | None = None
    lease_until: float | None = epoch_column(nullable=True)
    retry_delays: list[float] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    """This delivery's own schedule, when its caller gave one."""
    created_at: float = epoch_column()
    finished_at: float | None = epoch_column(nullable=True)
    """When it became final; None while it is not."""


class Attempt(SQLModel, table=True):
    """One HTTP request of a delivery, and what came of it."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index("ix_attempts_delivery", "delivery_id", "number"),
        Index("ix_attempts_endpoint", "endpoint_id", "id"),
        partial_index("ix_attempts_failure", "endpoint_id", "id", where="failure_class IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    delivery_id: str = owned_by("deliveries.id")
    endpoint_id: str
    number: int
    trigger: str
    started_at: float = epoch_column()
    duration_ms: int | None = None
    """None for a lost attempt: nobody measured it."""
    failure_class: str | None = None
    """None means success."""
    status_code: int | None = None
    error: str | None = long_text()
    request_headers: list[list[str]] = json_column("[]")
    response_headers: list[list[str]] = json_column("[]")
    response_body: bytes | None = Field(default=None, sa_type=LargeBinary)
    response_truncated: bool = False


class IdempotencyKey(SQLModel, table=True):
    """A key that a caller sent with a submission, and the answer it got."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_expires", "expires_at"),)

    scope: str = Field(primary_key=True)
    """The API key it came with: two callers may use the same word."""
    key: str = Field(primary_key=True)
    fingerprint: str
    """SHA-256 of the request."""
    message_id: str
    expires_at: float = epoch_column()
