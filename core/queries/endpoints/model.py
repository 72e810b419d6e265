"""An endpoint: its settings, its line in the list, and its page after deletion."""

from dataclasses import dataclass

from breakwater.core.domain.circuit import CircuitBreakerConfig
from breakwater.core.domain.states import EndpointState, SignatureScheme
from breakwater.core.queries.audit import AuditView
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.traffic.model import Traffic


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint with its settings; never its secret."""

    id: str
    name: str
    description: str
    url: str
    adhoc: bool
    event_types: tuple[str, ...]
    state: EndpointState
    state_reason: str | None
    timeout_seconds: float
    retry_delays: tuple[float, ...]
    retry_jitter: float
    circuit: CircuitBreakerConfig
    max_in_flight: int
    rate_limit_per_second: float | None
    headers: dict[str, str]
    """Secret values are masked."""
    public_headers: tuple[str, ...]
    """Names of the headers whose values are shown."""
    signature: SignatureScheme
    secret_rotated_until: float | None
    """While the old secret signs too."""
    throttled_until: float | None
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class EndpointOption:
    """An endpoint as an option of a select field."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class EndpointSummary:
    """An endpoint as the list of endpoints shows it."""

    endpoint: EndpointView
    circuit: CircuitView
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class DeletedEndpoint:
    """A deleted endpoint with its history."""

    endpoint: EndpointView
    at: float
    """When it was deleted."""
    deletion: AuditView | None
    """By whom and why; None once that audit entry was deleted."""
    entries: tuple[AuditView, ...]
    """Audit entries of the endpoint, newest first; at most 20."""
    traffic: Traffic
    """Of the last hour."""
