"""The states of deliveries and endpoints, failure classes, triggers and signature schemes."""

from enum import StrEnum, unique
from typing import assert_never


@unique
class DeliveryState(StrEnum):
    """The state of a delivery.

    ::

        pending ──claim──> in_flight ──2xx──> delivered
          │  ^                │ │
          │  └──retry at T────┘ └──no more──> failed
          └──cancel──> cancelled

        delivered, failed, cancelled ──resend──> pending

    An attempt in flight cannot be cancelled, because its result would be missing in the history.
    """

    PENDING = "pending"
    """Waits for its time, its lane or its circuit; `next_attempt_at` says when it is due."""
    IN_FLIGHT = "in_flight"
    """Claimed by one worker, which holds the fencing token, until its lease ends."""
    DELIVERED = "delivered"
    """The response was 2xx."""
    FAILED = "failed"
    """No further attempts, unless it is resent."""
    CANCELLED = "cancelled"
    """A person cancelled it, or its endpoint was deleted; it can be resent."""


ALLOWED_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: frozenset({DeliveryState.IN_FLIGHT, DeliveryState.CANCELLED}),
    DeliveryState.IN_FLIGHT: frozenset(
        {DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.PENDING}
    ),
    DeliveryState.DELIVERED: frozenset({DeliveryState.PENDING}),
    DeliveryState.FAILED: frozenset({DeliveryState.PENDING}),
    DeliveryState.CANCELLED: frozenset({DeliveryState.PENDING}),
}
"""The allowed transitions. Every write of a state names the states that it may leave."""


def states_that_may_become(state: DeliveryState) -> frozenset[DeliveryState]:
    """Return the states that a write of `state` may leave."""
    return frozenset(before for before, after in ALLOWED_TRANSITIONS.items() if state in after)


@unique
class EndpointState(StrEnum):
    """Whether deliveries to an endpoint are sent. They are stored in every state."""

    ENABLED = "enabled"
    """Deliveries are sent as its circuit, rate and concurrency allow."""
    PAUSED = "paused"
    """A person paused it; new deliveries are accepted and held."""
    DISABLED = "disabled"
    """The service disabled it: 410 Gone, or an open circuit for 120 h. A person can resume it."""


@unique
class FailureClass(StrEnum):
    """Why an attempt failed. `verdict` has the table of their meaning."""

    REDIRECT = "redirect"
    """3xx: never followed."""
    GONE = "gone"
    """410: the receiver is gone for good; its endpoint is disabled."""
    CLIENT_TIMEOUT = "client_timeout"
    """408 or 425: asked to retry."""
    THROTTLED = "throttled"
    """429, or 503 with Retry-After: rate limited; the whole lane waits."""
    CLIENT_ERROR = "client_error"
    """Any other 4xx: the receiver does not accept this request."""
    SERVER_ERROR = "server_error"
    """5xx, and codes outside 100-599."""
    CONNECT = "connect"
    """Refused, unreachable or reset."""
    DNS = "dns"
    """The host name does not resolve."""
    TLS = "tls"
    """The handshake or the certificate failed: nothing was sent."""
    TIMEOUT = "timeout"
    """The connect limit or the total deadline passed."""
    PROTOCOL = "protocol"
    """The response is not valid HTTP."""
    BLOCKED = "blocked"
    """The guard refused the address: no packet was sent."""
    INTERNAL_ERROR = "internal_error"
    """Breakwater raised an unexpected exception: it says nothing about the receiver."""
    LOCAL_SHORTAGE = "local_shortage"
    """This machine ran out of file descriptors, memory or ports: no attempt is counted, and the delivery waits."""
    LOST = "lost"
    """The worker died holding the claim: the webhook may have been delivered."""


@unique
class Trigger(StrEnum):
    """What caused an attempt."""

    SCHEDULE = "schedule"
    """The first attempt, or a retry by the schedule."""
    MANUAL = "manual"
    """A person or a replay resent it."""
    PROBE = "probe"
    """A probe: requested by a person in spite of an open circuit, or by a half-open circuit."""


@unique
class SignatureScheme(StrEnum):
    """How requests are signed. Every scheme sends the id and the timestamp of Standard Webhooks."""

    STANDARD = "standard"
    """Standard Webhooks, HMAC-SHA256: `webhook-signature: v1,...`."""
    ED25519 = "ed25519"
    """Standard Webhooks, ed25519: `webhook-signature: v1a,...`."""
    GITHUB = "github"
    """`X-Hub-Signature-256: sha256=<hex>` over the body."""
    LEGACY = "legacy"
    """The adapter's `X-Webhook-Signature: v1=<hex>` over `{timestamp}.{body}`."""

    @property
    def signs_with_both(self) -> bool:
        """Whether the header has room for a signature of each secret during a rotation."""
        match self:
            case SignatureScheme.STANDARD | SignatureScheme.ED25519:
                return True
            case SignatureScheme.GITHUB | SignatureScheme.LEGACY:
                return False
            case _:
                assert_never(self)


@unique
class NotificationStatus(StrEnum):
    """The status of a notification, for callers of the adapter."""

    PENDING = "pending"
    """Accepted; no attempt has ended yet."""
    RETRYING = "retrying"
    """At least one attempt failed; another is due."""
    HELD = "held"
    """The circuit of the endpoint is open: the delivery waits and uses up no retries."""
    DELIVERED = "delivered"
    """The response was 2xx."""
    FAILED = "failed"
    """No further attempts."""
    CANCELLED = "cancelled"
    """A person cancelled it, or its endpoint was deleted."""
