"""One attempt, from signing to outcome: the only code that makes one."""

from dataclasses import dataclass

from breakwater.core.crypto.ed25519 import sign_ed25519
from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.domain.outcome import Headers, Outcome, TransportFailure
from breakwater.core.domain.signing import sign
from breakwater.core.domain.states import FailureClass
from breakwater.core.ports import Clock, OutboundRequest, Sender
from breakwater.core.text.masking import shown_value


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """An attempt that was made."""

    outcome: Outcome
    started_at: float
    duration_ms: int
    request_headers: Headers
    """As sent, with the values of credentials masked: they are shown to everyone who may read."""


async def attempt(
    endpoint: DeliveryTarget, *, webhook_id: str, body: bytes, sender: Sender, clock: Clock
) -> AttemptResult:
    """Send `body` to `destination` once. Never raises for what a receiver does; cancellation passes through."""
    started_at = clock.now()
    headers = _headers(endpoint, webhook_id, body, clock)
    if endpoint.target is None:
        refused = endpoint.refusal or "the address is refused"
        outcome: Outcome = TransportFailure(FailureClass.BLOCKED, refused)
    else:
        request = OutboundRequest(endpoint.target, headers, body, endpoint.timeout)
        outcome = await sender.send(request)
    duration_ms = max(0, round((clock.now() - started_at) * 1000))
    return AttemptResult(outcome, started_at, duration_ms, tuple(map(_shown, headers)))


def _headers(endpoint: DeliveryTarget, webhook_id: str, body: bytes, clock: Clock) -> Headers:
    signed = sign(
        endpoint.signature,
        endpoint.secrets_at(clock.now()),
        webhook_id=webhook_id,
        timestamp=int(clock.wall()),
        body=body,
        ed25519=sign_ed25519,
    )
    own = tuple((name, value) for name, value in endpoint.headers if name.lower() != "content-type")
    content_type = next(
        (value for name, value in endpoint.headers if name.lower() == "content-type"), "application/json"
    )
    return (("content-type", content_type), *signed, *own)


def _shown(header: tuple[str, str]) -> tuple[str, str]:
    name, value = header
    return name, shown_value(name, value)
