"""Messages, their deliveries and the attempts."""

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
    """A message as a caller submitted it."""

    __tablename__ = "messages"
    __table_args__ = (
        partial_index("ix_messages_idempotency_key", "idempotency_key", where="idempotency_key IS NOT NULL"),
        Index("ix_messages_created", "created_at"),
    )

    id: str = Field(primary_key=True)
    event_type: str
    payload: bytes = Field(sa_type=LargeBinary)
    delivery_count: int
    """0 when no endpoint was subscribed: the message is stored all the same."""
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
        # Deliveries without a failure are in neither of these two.
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
    """What causes the next attempt."""
    attempt_count: int = 0
    """Recorded attempts, including `lost` ones. A resend continues the numbering."""
    budget_spent: int = 0
    """Attempts since the last resend that count against the retry policy."""
    lost_count: int = 0
    """Consecutive claims whose worker died."""
    failure_class: str | None = None
    """Of the latest attempt; None when it succeeded, or before the first; `local_shortage` after one was postponed."""
    status_code: int | None = None
    error: str | None = long_text()
    claim_token: str | None = None
    """Fences the claim: a result with another token changes nothing."""
    claimed_by: str | None = None
    lease_until: float | None = epoch_column(nullable=True)
    retry_delays: list[float] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    """The retry schedule of this delivery, when its caller sent one."""
    created_at: float = epoch_column()
    finished_at: float | None = epoch_column(nullable=True)
    """When it became final; None before."""


class Attempt(SQLModel, table=True):
    """One HTTP request of a delivery, and its outcome."""

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
    """None for a lost attempt, which nobody measured."""
    failure_class: str | None = None
    """None means success."""
    status_code: int | None = None
    error: str | None = long_text()
    request_headers: list[list[str]] = json_column("[]")
    response_headers: list[list[str]] = json_column("[]")
    """Pairs of name and value. A last pair with an empty name, which HTTP does not allow, marks that more were sent."""
    response_body: bytes | None = Field(default=None, sa_type=LargeBinary)
    response_truncated: bool = False


class IdempotencyKey(SQLModel, table=True):
    """The idempotency key of a request, and the message that it created."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_expires", "expires_at"),)

    scope: str = Field(primary_key=True)
    """The sender of the request: two senders can use the same idempotency key."""
    key: str = Field(primary_key=True)
    fingerprint: str
    """SHA-256 of the request."""
    message_id: str
    expires_at: float = epoch_column()
