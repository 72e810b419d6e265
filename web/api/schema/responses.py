"""What the API answers, field by field. The OpenAPI document is made from these.

Times are ISO 8601 in UTC with milliseconds, durations are seconds unless the name ends in `_ms`.
"""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from breakwater.core.accounts import Scope
from breakwater.core.domain.circuit import CircuitBreakerConfig, CircuitState
from breakwater.core.domain.states import (
    DeliveryState,
    EndpointState,
    FailureClass,
    NotificationStatus,
    SignatureScheme,
    Trigger,
)
from breakwater.web.problems import Problem

T = TypeVar("T")

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
HeaderPairs = Annotated[list[tuple[str, str]], Meta(description="Name and value, in the order of the wire.")]


class ListOf(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list, newest first unless the list says otherwise."""

    items: list[T]
    next_cursor: str | None = None
    """Give it as `cursor` for the next page; null on the last one. Good for 24 hours."""


class AcceptedDelivery(msgspec.Struct, frozen=True):
    """One message to one endpoint."""

    id: str
    endpoint_id: str


class Accepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message that is committed."""

    id: str
    deliveries: list[AcceptedDelivery]
    note: str | UnsetType = UNSET
    """Says why there is no delivery, where there is none."""


class BatchItem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one message of a batch: its ids, or its own error."""

    id: str | UnsetType = UNSET
    deliveries: list[AcceptedDelivery] | UnsetType = UNSET
    note: str | UnsetType = UNSET
    replayed: bool = False
    """Its idempotency key was known: this is the first answer again."""
    error: Problem | UnsetType = UNSET


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request of a delivery."""

    attempt_number: int
    timestamp: Time
    status_code: int | None
    error: str | None
    response_time_ms: int | None
    success: bool
    failure_class: FailureClass | None
    trigger: Trigger
    request_headers: HeaderPairs
    """Values of credentials are masked."""
    response_headers: HeaderPairs
    response_body: str | None
    """At most 16 KiB; bytes that are no UTF-8 are replaced."""
    response_truncated: bool


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one endpoint. In lists `payload`, `attempts` and `why` are empty: ask for the one delivery."""

    id: str
    message_id: str
    endpoint_id: str
    webhook_url: str
    event_type: str
    status: DeliveryState
    final_status: NotificationStatus
    """The same in the words of a notification: retrying and held are told apart."""
    failure_class: FailureClass | None
    """Of the latest attempt."""
    status_code: int | None
    error: str | None
    why: str | None
    """Why it is not delivered yet, or how it ended."""
    next_attempt_at: Time | None
    attempt_count: int
    created_at: Time
    finished_at: Time | None
    payload: Raw
    """The bytes that are sent, as they were handed in."""
    attempts: list[Attempt]
    """Oldest first."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller handed in once, and where it went."""

    id: str
    event_type: str
    payload: Raw
    idempotency_key: str | None
    created_at: Time
    deliveries: list[Delivery]
    note: str | None
    """Says why there are no deliveries, when there are none."""


class Retry(msgspec.Struct, frozen=True):
    """When a failed delivery is tried again."""

    delays: list[float]
    """Seconds to wait after the first, the second, ... failed attempt."""
    jitter: float
    """Share by which each delay is shorter or longer."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send, and how."""

    id: str
    url: str
    name: str
    description: str
    event_types: list[str]
    """Empty: every type."""
    timeout_seconds: float
    retry: Retry
    circuit: CircuitBreakerConfig
    max_in_flight: int
    rate_limit_per_second: float | None
    headers: dict[str, str]
    """Values of credentials are masked; a masked value that is sent back keeps what is stored."""
    signature: SignatureScheme
    state: EndpointState
    state_reason: str | None
    adhoc: bool
    """Made for messages to a bare URL; subscribes to nothing."""
    throttled_until: Time | None
    secret_rotated_until: Time | None
    """Until then the old secret signs too."""
    created_at: Time
    updated_at: Time


class NewEndpoint(Endpoint, frozen=True, kw_only=True):
    """An endpoint that was just made, with its secret: shown this once."""

    secret: str
    public_key: str | None
    """What the receiver verifies with, where the signature is ed25519."""


class NewSecret(msgspec.Struct, frozen=True):
    """A secret that was just made: shown this once."""

    secret: str
    public_key: str | None


class Hold(msgspec.Struct, frozen=True):
    """A person holds the circuit open."""

    reason: str | None
    by: str | None
    until: Time | None
    """Null: until somebody releases it."""


class Circuit(msgspec.Struct, frozen=True, kw_only=True):
    """The breaker of one endpoint, its counts beside its thresholds."""

    endpoint_id: str
    endpoint_name: str
    webhook_url: str
    endpoint_state: EndpointState
    state: CircuitState
    hold: Hold | None
    failure_count: int
    success_count: int
    half_open_calls: int
    window_failures: int
    window_calls: int
    opened_at: Time | None
    retry_at: Time | None
    held: int
    """Deliveries that wait because the circuit does not admit them; counted up to a bound."""
    held_more: bool
    """There are more than `held`."""
    last_error: str | None
    last_failure_at: Time | None
    sentence: str
    thresholds: CircuitBreakerConfig


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a circuit, and its cause."""

    id: str
    at: Time
    from_state: str
    to_state: str
    cause: str
    failure_count: int
    success_count: int
    attempt_id: str | None
    delivery_id: str | None
    actor: str | None


class CircuitDetail(Circuit, frozen=True, kw_only=True):
    """A circuit with its latest transitions, newest first."""

    transitions: list[Transition]


class OperationResult(msgspec.Struct, frozen=True):
    """What an operation came to."""

    sentence: str
    affected: int


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key; never the key itself."""

    id: str
    name: str
    preview: str
    scopes: list[Scope]
    created_at: Time
    created_by: str
    last_used_at: Time | None
    """To the minute."""
    revoked_at: Time | None


class NewKey(Key, frozen=True, kw_only=True):
    """A key that was just made, with the token that requests carry: shown this once."""

    key: str


class Loop(msgspec.Struct, frozen=True):
    """A background loop, as its supervisor sees it."""

    name: str
    healthy: bool
    restarts: int
    last_error: str | None


class Health(msgspec.Struct, frozen=True):
    """Whether the service does its work."""

    status: str
    loops: list[Loop] = []
