"""A circuit as the board shows it, and its changes."""

from dataclasses import dataclass

from breakwater.core.domain.circuit import CircuitBreakerConfig, CircuitState
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.paging.model import BoundedCount


@dataclass(frozen=True, slots=True)
class CircuitView:
    """The breaker of one endpoint, with what an operator needs to decide."""

    endpoint_id: str
    endpoint_name: str
    webhook_url: str
    endpoint_state: EndpointState
    state: CircuitState
    on_hold: bool
    """A person holds it open."""
    hold_reason: str | None
    hold_until: float | None
    held_by: str | None
    failure_count: int
    success_count: int
    half_open_calls: int
    window_failures: int
    window_calls: int
    opened_at: float | None
    retry_at: float | None
    """When the next probe may be sent."""
    backlog: BoundedCount
    """Pending deliveries; all of them are held while the circuit does not admit."""
    last_error: str | None
    last_failure_at: float | None
    config: CircuitBreakerConfig
    sentence: str
    """Its state and what happens next."""
    reset_consequence: str
    """What a reset does now."""
    opening_cause: str | None = None
    """The cause of its last transition; None while it is closed."""
    reopenings: int = 0
    """Probes that failed since it was last closed: each one lengthens the cooldown."""


@dataclass(frozen=True, slots=True)
class ResetCircuit:
    """A circuit that a person reset recently: lists keep its line, with the operation and its actor."""

    circuit: CircuitView
    at: float
    actor: str
    outcome: str
    """What the reset did, in one or two sentences that name the endpoint."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class TransitionView:
    """A change of a circuit."""

    id: str
    endpoint_id: str
    endpoint_name: str
    at: float
    from_state: str
    to_state: str
    cause: str
    failure_count: int
    success_count: int
    attempt_id: str | None
    delivery_id: str | None
    actor: str | None
