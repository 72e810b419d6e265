"""The responses of the API, field by field. The OpenAPI document is generated from them.

Times are ISO 8601 in UTC with milliseconds, durations are seconds unless the name ends in `_ms`.
"""

from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from breakwater.core.accounts import Scope
from breakwater.core.domain.circuit import CircuitBreakerConfig, CircuitState
from breakwater.core.domain.endpoint_fields import ENDPOINT_FIELDS
from breakwater.core.domain.states import (
    DeliveryState,
    EndpointState,
    FailureClass,
    NotificationStatus,
    Trigger,
)
from breakwater.web.api.schema.endpoint_bodies import response_members
from breakwater.web.problems import Problem

T = TypeVar("T")

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
HeaderPairs = Annotated[
    list[tuple[str, str]], Meta(description="Pairs of name and value, in their original order.")
]


class ListOf(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list, newest first unless the list says otherwise."""

    items: list[T]
    next_cursor: str | None = None
    """Send it as `cursor` to get the next page; null on the last page. Valid for 24 hours."""


class AcceptedDelivery(msgspec.Struct, frozen=True):
    """One message to one endpoint."""

    id: str
    endpoint_id: str


class Accepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """An accepted message, which is committed."""

    id: str
    deliveries: list[AcceptedDelivery]
    note: str | UnsetType = UNSET
    """Why there are no deliveries, if there are none."""


class BatchItem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result of one message of a batch: its ids, or its error."""

    id: str | UnsetType = UNSET
    deliveries: list[AcceptedDelivery] | UnsetType = UNSET
    note: str | UnsetType = UNSET
    replayed: bool = False
    """Whether this is the first response again, because of the idempotency key."""
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
    """At most 16 KiB by default."""
    response_headers_truncated: bool
    """Whether the receiver sent more headers than are kept."""
    response_body: str | None
    """At most 16 KiB by default; bytes that are not valid UTF-8 are replaced. All attempts share 4 MiB."""
    response_truncated: bool


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one endpoint. In lists `payload`, `attempts` and `why` are empty; get the delivery to see them."""

    id: str
    message_id: str
    endpoint_id: str
    webhook_url: str
    event_type: str
    status: DeliveryState
    final_status: NotificationStatus
    """The status with pending split into pending, retrying and held."""
    failure_class: FailureClass | None
    """Failure class of the latest attempt; `local_shortage` after an attempt was postponed for one."""
    status_code: int | None
    error: str | None
    why: str | None
    """Why it is not delivered yet, or its result, as a sentence."""
    next_attempt_at: Time | None
    attempt_count: int
    created_at: Time
    finished_at: Time | None
    payload: Raw
    """The payload as it was accepted and is sent, byte for byte."""
    attempts: list[Attempt]
    """Oldest first."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message and its deliveries."""

    id: str
    event_type: str
    payload: Raw
    idempotency_key: str | None
    created_at: Time
    deliveries: list[Delivery]
    note: str | None
    """Why there are no deliveries, if there are none."""


class Retry(msgspec.Struct, frozen=True):
    """The retry schedule."""

    delays: list[float]
    """Seconds to wait after each failed attempt, the first one first."""
    jitter: float
    """Maximum fraction by which a delay is randomly shortened or lengthened."""


class _WithId(msgspec.Struct, frozen=True, kw_only=True):
    id: str


if TYPE_CHECKING:
    _EndpointSettings = _WithId  # a type checker cannot see the members of a generated struct
else:
    _EndpointSettings = msgspec.defstruct(
        "EndpointSettings",
        response_members(ENDPOINT_FIELDS),
        bases=(_WithId,),
        frozen=True,
        kw_only=True,
        module=__name__,
    )


class Endpoint(_EndpointSettings, frozen=True, kw_only=True):
    """An endpoint: a URL and the settings for sending to it."""

    retry: Retry
    circuit: CircuitBreakerConfig
    state: EndpointState
    state_reason: str | None
    adhoc: bool
    """Created for messages to a URL; it subscribes to no event types."""
    throttled_until: Time | None
    secret_rotated_until: Time | None
    """Until then messages are also signed with the old secret. Null for `github` and `legacy`, which sign with one."""
    created_at: Time
    updated_at: Time


class NewEndpoint(Endpoint, frozen=True, kw_only=True):
    """A created endpoint with its signing secret, which no later response contains."""

    secret: str
    public_key: str | None
    """The public key for the receiver, if the signature is ed25519."""


class NewSecret(msgspec.Struct, frozen=True):
    """A new signing secret, which no later response contains."""

    secret: str
    public_key: str | None


class Hold(msgspec.Struct, frozen=True):
    """A hold on a circuit."""

    reason: str | None
    by: str | None
    until: Time | None
    """Null if it does not expire."""


class Circuit(msgspec.Struct, frozen=True, kw_only=True):
    """The circuit breaker of one endpoint, with its counts and thresholds."""

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
    """Deliveries on hold because of the circuit, counted up to a limit."""
    held_more: bool
    """There are more than `held`."""
    last_error: str | None
    last_failure_at: Time | None
    sentence: str
    thresholds: CircuitBreakerConfig


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A state change of a circuit, and its cause."""

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
    """The result of an operation."""

    sentence: str
    affected: int


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its token."""

    id: str
    name: str
    sender: str
    """The service account that the key belongs to. Keys of one sender share its idempotency keys."""
    preview: str
    scopes: list[Scope]
    created_at: Time
    created_by: str
    last_used_at: Time | None
    """Accurate to the minute."""
    revoked_at: Time | None


class NewKey(Key, frozen=True, kw_only=True):
    """A created API key with its token, which no later response contains."""

    key: str


class Loop(msgspec.Struct, frozen=True):
    """The health of a background task."""

    name: str
    healthy: bool
    restarts: int
    last_error: str | None


class Health(msgspec.Struct, frozen=True):
    """The health of the service."""

    status: str
    loops: list[Loop] = []
    notices: list[str] = []
