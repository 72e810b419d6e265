"""Verify webhooks, as a receiver does: the counterpart of `signing`.

The scheme is never taken from the request, because a forged request would choose the weakest one. It follows from the
receiver's own secret, or the receiver names it.
"""

import base64
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from breakwater.core.domain.errors import BreakwaterError
from breakwater.core.domain.signing import hmac_hex, hmac_signature
from breakwater.core.domain.signing_secrets import PUBLIC_PREFIX, parse_public_key, parse_secret
from breakwater.core.domain.states import SignatureScheme

TOLERANCE: Final = 300.0
"""Seconds between the time of the request and the receiver's clock, by the recommendation of Standard Webhooks."""
_MAX_SIGNATURES: Final = 32
"""Signatures of one request that are compared. A sender has one for each active secret."""

VerifyEd25519 = Callable[[bytes, bytes, bytes], bool]
"""`(public key of 32 bytes, signature, message) -> whether the signature is right`."""


class VerificationCheck(StrEnum):
    """What a request has to pass, in this order."""

    HEADER_MISSING = "header_missing"
    TIMESTAMP_INVALID = "timestamp_invalid"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    TIMESTAMP_TOO_NEW = "timestamp_too_new"
    SIGNATURE_MISMATCH = "signature_mismatch"


class VerificationFailed(BreakwaterError):  # noqa: N818 -- read as "except VerificationFailed"
    """The request is not what a sender with one of the secrets sent, or not in time. Respond with 401."""

    def __init__(self, check: VerificationCheck, message: str) -> None:
        self.check = check
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class VerifiedWebhook:
    """What a verified request says about itself.

    The body is signed in every scheme, the time in all but `github`, the id in `standard` and `ed25519`.
    """

    webhook_id: str
    """The same for every attempt of a delivery: receivers deduplicate by it."""
    timestamp: int | None
    """Time of the attempt in seconds since 1970, in UTC."""
    event_type: str | None
    """From the header `webhook-event-type`, which no scheme signs."""


def verify(
    scheme: SignatureScheme,
    secrets: Sequence[str],
    *,
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    tolerance: float = TOLERANCE,
    ed25519: VerifyEd25519 | None = None,
) -> VerifiedWebhook:
    """Return what the request says, if one of `secrets` signed it and it is at most `tolerance` seconds off `now`.

    `headers` have names in lower case. `ed25519` verifies with public keys (`whpk_...`). `github` signs no time, so
    `tolerance` does not apply to it.

    Raises:
        VerificationFailed: naming the check that failed.
        InvalidInput: a secret does not have the form that the scheme needs.

    """
    match scheme:
        case SignatureScheme.STANDARD | SignatureScheme.ED25519:
            webhook_id = _header(headers, "webhook-id")
            timestamp = _recent_timestamp(headers, "webhook-timestamp", now, tolerance)
            signatures = _header(headers, "webhook-signature").split(" ")[:_MAX_SIGNATURES]
            signed = f"{webhook_id}.{headers['webhook-timestamp']}.".encode(errors="surrogatepass") + body
            verifiers = [_standard_verifier(secret, ed25519) for secret in secrets]
            _require_match(verifier(signature, signed) for verifier in verifiers for signature in signatures)
            return _webhook(headers, webhook_id, timestamp)
        case SignatureScheme.GITHUB:
            signature = _header(headers, "x-hub-signature-256")
            _require_match(_same(signature, f"sha256={hmac_hex(secret, body)}") for secret in secrets)
            return _webhook(headers, headers.get("webhook-id", ""), None)
        case SignatureScheme.LEGACY:
            webhook_id = _header(headers, "x-webhook-delivery-id")
            timestamp = _recent_timestamp(headers, "x-webhook-timestamp", now, tolerance)
            signature = _header(headers, "x-webhook-signature")
            signed = f"{headers['x-webhook-timestamp']}.".encode(errors="surrogatepass") + body
            _require_match(_same(signature, f"v1={hmac_hex(secret, signed)}") for secret in secrets)
            return _webhook(headers, webhook_id, timestamp)
        case _:
            assert_never(scheme)


def _webhook(headers: Mapping[str, str], webhook_id: str, timestamp: int | None) -> VerifiedWebhook:
    return VerifiedWebhook(webhook_id, timestamp, headers.get("webhook-event-type"))


def _require_match(matches: Iterable[bool]) -> None:
    if not any(matches):
        raise VerificationFailed(
            VerificationCheck.SIGNATURE_MISMATCH,
            "No signature of the request fits a secret. Compare the secrets, and verify the exact bytes of the body.",
        )


def _standard_verifier(secret: str, ed25519: VerifyEd25519 | None) -> Callable[[str, bytes], bool]:
    """Return the check of one `v1,...` or `v1a,...` signature with one secret."""
    if not secret.startswith(PUBLIC_PREFIX):
        key = parse_secret(secret)
        return lambda signature, signed: _same(signature, hmac_signature(key, signed))
    public = parse_public_key(secret)
    if ed25519 is None:
        raise ValueError("ed25519 needs a function that verifies")
    verify_signature = ed25519

    def verifier(signature: str, signed: bytes) -> bool:
        version, _, encoded = signature.partition(",")
        if version != "v1a":
            return False
        try:
            return verify_signature(public, base64.b64decode(encoded, validate=True), signed)
        except ValueError:  # of base64, also for text that is not ASCII
            return False

    return verifier


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise VerificationFailed(VerificationCheck.HEADER_MISSING, f"The request has no header {name}.")
    return value


def _recent_timestamp(headers: Mapping[str, str], name: str, now: float, tolerance: float) -> int:
    text = _header(headers, name)
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(2**63))):
        raise VerificationFailed(
            VerificationCheck.TIMESTAMP_INVALID, f"The header {name} is not a number of seconds since 1970."
        )
    timestamp = int(text)
    if timestamp < now - tolerance:
        raise VerificationFailed(
            VerificationCheck.TIMESTAMP_TOO_OLD,
            f"The request is {now - timestamp:.0f} s old, and the tolerance is {tolerance:g} s: "
            "it was delayed or replayed, or a clock is wrong.",
        )
    if timestamp > now + tolerance:
        raise VerificationFailed(
            VerificationCheck.TIMESTAMP_TOO_NEW,
            f"The request is {timestamp - now:.0f} s ahead of this machine's clock, and the tolerance is "
            f"{tolerance:g} s: a clock is wrong.",
        )
    return timestamp


def _same(signature: str, expected: str) -> bool:
    """Compare in constant time. Headers can contain characters that are not ASCII."""
    return hmac.compare_digest(signature.encode(errors="surrogatepass"), expected.encode())
