"""Makes one attempt: signs the request, sends it, and returns its outcome."""

import traceback
from dataclasses import dataclass
from typing import Final

import structlog

from breakwater.core.crypto.ed25519 import sign_ed25519
from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.domain.outcome import Headers, Outcome, TransportFailure
from breakwater.core.domain.shortage import resource_of
from breakwater.core.domain.signing import sign
from breakwater.core.domain.states import FailureClass
from breakwater.core.ports import Clock, OutboundRequest, Sender
from breakwater.core.text.credentials import MASK, mask_request_headers
from breakwater.core.text.format import sanitize

log = structlog.get_logger("breakwater.delivery")

MAX_CAUSE_LENGTH: Final = 300
"""Characters of an exception that are stored."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """A finished attempt."""

    outcome: Outcome
    started_at: float
    duration_ms: int
    request_headers: Headers
    """As sent, with secret values masked, because everyone with the read scope sees them."""


async def attempt(
    endpoint: DeliveryTarget,
    *,
    webhook_id: str,
    event_type: str | None,
    body: bytes,
    sender: Sender,
    clock: Clock,
) -> AttemptResult:
    """Send `body` to `endpoint` once. Never raises; cancellation passes through."""
    started_at = clock.now()
    headers: Headers = ()
    try:
        headers = _headers(endpoint, webhook_id, event_type, body, clock)
        outcome = await _send(endpoint, headers, body, sender)
    except Exception as error:  # noqa: BLE001 - an internal error must not look like a worker that died
        resource = resource_of(error)
        if resource is None:
            trace = _mask_secrets(endpoint, traceback.format_exc())
            log.error(  # noqa: TRY400 - `trace` has the traceback
                "attempt.internal_error", endpoint_id=endpoint.id, message_id=webhook_id, exception=trace
            )
            outcome = internal_error(endpoint, error)
        else:
            outcome = TransportFailure.local_shortage(resource)
    duration_ms = max(0, round((clock.now() - started_at) * 1000))
    return AttemptResult(
        outcome,
        started_at,
        duration_ms,
        mask_request_headers(headers, endpoint.public_headers),
    )


async def _send(endpoint: DeliveryTarget, headers: Headers, body: bytes, sender: Sender) -> Outcome:
    if endpoint.target is None:
        refusal = endpoint.refusal or "the address is refused"
        return TransportFailure(FailureClass.BLOCKED, refusal)
    return await sender.send(OutboundRequest(endpoint.target, headers, body, endpoint.timeout))


def internal_error(endpoint: DeliveryTarget, error: Exception) -> TransportFailure:
    """Return the outcome of an attempt that `error` ended: its type and message, without the endpoint's credentials."""
    message = _mask_secrets(endpoint, str(error))
    cause = ": ".join(filter(None, ("internal error", type(error).__name__, message)))
    return TransportFailure(FailureClass.INTERNAL_ERROR, sanitize(cause, MAX_CAUSE_LENGTH))


def _mask_secrets(endpoint: DeliveryTarget, text: str) -> str:
    headers = (value for name, value in endpoint.headers if name not in endpoint.public_headers)
    # The longest first: a value can be a part of another one.
    for value in sorted({*endpoint.secrets, *headers}, key=len, reverse=True):
        text = text.replace(value, MASK) if value else text
    return text


def _headers(
    endpoint: DeliveryTarget, webhook_id: str, event_type: str | None, body: bytes, clock: Clock
) -> Headers:
    signed = sign(
        endpoint.signature,
        endpoint.secrets_at(clock.now()),
        webhook_id=webhook_id,
        timestamp=int(clock.wall()),
        body=body,
        ed25519=sign_ed25519,
    )
    custom = tuple((name, value) for name, value in endpoint.headers if name.lower() != "content-type")
    content_type = next(
        (value for name, value in endpoint.headers if name.lower() == "content-type"), "application/json"
    )
    typed = (("webhook-event-type", event_type),) if event_type is not None else ()
    return (("content-type", content_type), *typed, *signed, *custom)
