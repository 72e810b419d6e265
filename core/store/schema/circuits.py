"""Circuit breakers and their transitions."""

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from breakwater.core.store.schema.columns import epoch_column, json_column, long_text, of_endpoint, owned_by


class Circuit(SQLModel, table=True):
    """The state of one endpoint's `CircuitBreaker`. Without a row it is closed and has counted nothing."""

    __tablename__ = "circuits"

    endpoint_id: str = owned_by("endpoints.id", primary_key=True)
    state: str = "closed"
    failure_count: int = 0
    success_count: int = 0
    last_failure_time: float | None = epoch_column(nullable=True)
    opened_at: float | None = epoch_column(nullable=True)
    """Since when the endpoint has been failing, see `CircuitBreaker.opened_at`."""
    retry_at: float | None = epoch_column(nullable=True)
    reopenings: int = 0
    generation: int = 0
    """The number of transitions. The result of an attempt that an earlier generation admitted is ignored."""
    permits: list[float] = json_column("[]")
    """When each half-open permit expires."""
    window: list[list[int]] = json_column("[]")
    """`[second, successes, failures]`, oldest first."""
    hold_reason: str | None = long_text()
    held_at: float | None = epoch_column(nullable=True)
    """Set while an operator holds the circuit open."""
    hold_until: float | None = epoch_column(nullable=True)
    held_by: str | None = None
    updated_at: float = epoch_column()


class CircuitTransition(SQLModel, table=True):
    """A change of a circuit's state or hold, with its cause."""

    __tablename__ = "circuit_transitions"
    __table_args__ = (Index("ix_circuit_transitions_endpoint", "endpoint_id", "id"),)

    id: str = Field(primary_key=True)
    endpoint_id: str = of_endpoint()
    at: float = epoch_column()
    from_state: str
    to_state: str
    cause: str = Field(sa_type=Text)
    """In words: `5 consecutive failures`, `reset by ada: receiver fixed`."""
    failure_count: int = 0
    success_count: int = 0
    attempt_id: str | None = None
    delivery_id: str | None = None
    actor: str | None = None
    """None: the breaker itself."""
