"""The states that deliveries, endpoints and attempts go through, one sentence per value."""

from enum import StrEnum, unique


@unique
class DeliveryState(StrEnum):
    """Where a delivery stands.

    ::

        pending ──claim──> in_flight ──2xx──> delivered
          │  ^                │ │
          │  └──retry at T────┘ └──no more──> failed
          └──cancel──> cancelled

        delivered, failed, cancelled ──resend──> pending

    An attempt that is under way cannot be cancelled: its result would be lost to the history.
    """

    PENDING = "pending"
    """Waits for its time, its lane or its circuit; `next_attempt_at` says when it is due."""
    IN_FLIGHT = "in_flight"
    """Claimed by one worker, which holds the fencing token, until its lease ends."""
    DELIVERED = "delivered"
    """The receiver answered 2xx."""
    FAILED = "failed"
    """No further attempt will be made unless a person resends it."""
    CANCELLED = "cancelled"
    """A person ended it; it can be resent."""


ALLOWED_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: frozenset({DeliveryState.IN_FLIGHT, DeliveryState.CANCELLED}),
    DeliveryState.IN_FLIGHT: frozenset(
        {DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.PENDING}
    ),
    DeliveryState.DELIVERED: frozenset({DeliveryState.PENDING}),
    DeliveryState.FAILED: frozenset({DeliveryState.PENDING}),
    DeliveryState.CANCELLED: frozenset({DeliveryState.PENDING}),
}
"""Which state may follow which. Every write of a state is guarded by the states it may leave."""


def states_that_may_become(state: DeliveryState) -> frozenset[DeliveryState]:
    """Return the states that a write of `state` may leave."""
    return frozenset(before for before, after in ALLOWED_TRANSITIONS.items() if state in after)


@unique
class EndpointState(StrEnum):
    """Whether an endpoint takes deliveries. Its deliveries are kept in each of these states."""

    ENABLED = "enabled"
    """Deliveries go out as its circuit, rate and concurrency allow."""
    PAUSED = "paused"
    """A person holds its deliveries back; new ones are accepted and wait."""
    DISABLED = "disabled"
    """The service gave up on it: 410 Gone, or a circuit open for 120 h. A person can resume it."""


@unique
class FailureClass(StrEnum):
    """Why an attempt was no success. The table of semantics is in `verdict`."""

    REDIRECT = "redirect"
    """3xx: never followed."""
    GONE = "gone"
    """410: the receiver asks for no more."""
    CLIENT_TIMEOUT = "client_timeout"
    """408 or 425: the receiver asks for another try."""
    THROTTLED = "throttled"
    """429, or 503 with Retry-After: the receiver asks the whole lane to wait."""
    CLIENT_ERROR = "client_error"
    """Any other 4xx: the receiver will not take this request."""
    SERVER_ERROR = "server_error"
    """5xx, and codes outside 100-599."""
    CONNECT = "connect"
    """Refused, unreachable or reset."""
    DNS = "dns"
    """The name does not resolve."""
    TLS = "tls"
    """The handshake or the certificate failed: nothing was sent."""
    TIMEOUT = "timeout"
    """The connect limit or the total deadline passed."""
    PROTOCOL = "protocol"
    """What came back is not HTTP."""
    BLOCKED = "blocked"
    """The guard refused the address: no packet was sent."""
    INTERNAL_ERROR = "internal_error"
    """Breakwater raised an unexpected exception: it says nothing about the receiver."""
    LOST = "lost"
    """The worker died holding the claim: the webhook may have been delivered."""


@unique
class Trigger(StrEnum):
    """What made an attempt happen."""

    SCHEDULE = "schedule"
    """The first attempt, or a retry by the schedule."""
    MANUAL = "manual"
    """A person or a replay resent it."""
    PROBE = "probe"
    """A person asked for one attempt past an open circuit, or the circuit tries if the endpoint is back."""


@unique
class SignatureScheme(StrEnum):
    """How an endpoint's requests are signed. Every scheme sends the Standard Webhooks id and timestamp."""

    STANDARD = "standard"
    """Standard Webhooks, HMAC-SHA256: `webhook-signature: v1,...`."""
    ED25519 = "ed25519"
    """Standard Webhooks, ed25519: `webhook-signature: v1a,...`."""
    GITHUB = "github"
    """`X-Hub-Signature-256: sha256=<hex>` over the body."""
    LEGACY = "legacy"
    """The adapter's `X-Webhook-Signature: v1=<hex>` over `{timestamp}.{body}`."""


@unique
class NotificationStatus(StrEnum):
    """The outcome of a notification, in the words of the adapter's callers."""

    PENDING = "pending"
    """Accepted; no attempt has ended yet."""
    RETRYING = "retrying"
    """At least one attempt failed; another is due."""
    HELD = "held"
    """The endpoint's circuit is open: it waits and spends no attempts."""
    DELIVERED = "delivered"
    """The receiver answered 2xx."""
    FAILED = "failed"
    """No further attempt will be made."""
    CANCELLED = "cancelled"
    """A person ended it."""
