"""How requests are signed, so that a receiver knows who sent them, that nobody changed them, and when.

The schemes `standard` and `ed25519` are Standard Webhooks: the signed text is `{id}.{timestamp}.{body}`, and
the header carries one signature per secret, so that a rotation has no moment in which a receiver must refuse.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import assert_never

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.outcome import Headers
from breakwater.core.domain.signing_secrets import (
    PRIVATE_PREFIX,
    SECRET_PREFIX,
    parse_private_key,
    parse_secret,
)
from breakwater.core.domain.states import SignatureScheme

SignEd25519 = Callable[[bytes, bytes], bytes]
"""`(private key of 32 bytes, message) -> signature of 64 bytes`."""


def sign(
    scheme: SignatureScheme,
    secrets: Sequence[str],
    *,
    webhook_id: str,
    timestamp: int,
    body: bytes,
    ed25519: SignEd25519 | None = None,
) -> Headers:
    """Return every header that `scheme` adds to a request, the id and the timestamp always among them.

    `secrets` are those in force, the newest first; without any the request goes unsigned. `timestamp` is this
    attempt's, in seconds. `github` and `legacy` send one signature, by the text of the newest.

    Raises:
        InvalidInput: when the newest secret does not fit the scheme, or the id has a dot.

    """
    if "." in webhook_id:
        raise InvalidInput.of("webhook_id", "must have no dot, which separates the parts of what is signed")
    headers = (("webhook-id", webhook_id), ("webhook-timestamp", str(timestamp)))
    match scheme:
        case SignatureScheme.STANDARD | SignatureScheme.ED25519:
            signed = _standard_text(webhook_id, str(timestamp), body)
            return headers + _standard(secrets, signed, ed25519)
        case SignatureScheme.GITHUB:
            return headers + tuple(
                ("X-Hub-Signature-256", f"sha256={_hex(secret, body)}") for secret in secrets[:1]
            )
        case SignatureScheme.LEGACY:
            return headers + _legacy(secrets, webhook_id, timestamp, body)
        case _:
            assert_never(scheme)


def _standard_text(webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{webhook_id}.{timestamp}.".encode() + body


def _standard(secrets: Sequence[str], signed: bytes, ed25519: SignEd25519 | None) -> Headers:
    """Sign with each secret as its prefix says.

    An older secret may be of the other kind or, after a change of scheme, of none: that one is left
    out, because its receiver does not look at this header.
    """
    usable = [*secrets[:1], *(old for old in secrets[1:] if old.startswith((SECRET_PREFIX, PRIVATE_PREFIX)))]
    if not usable:
        return ()
    return (("webhook-signature", " ".join(_signature(secret, signed, ed25519) for secret in usable)),)


def _signature(secret: str, signed: bytes, ed25519: SignEd25519 | None) -> str:
    if not secret.startswith(PRIVATE_PREFIX):
        return _hmac_signature(parse_secret(secret), signed)
    if ed25519 is None:
        raise InvalidInput.of("signature", "ed25519 is not available here; use the standard scheme")
    return f"v1a,{base64.b64encode(ed25519(parse_private_key(secret), signed)).decode()}"


def _hmac_signature(key: bytes, signed: bytes) -> str:
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def _legacy(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> Headers:
    signed = f"{timestamp}.".encode() + body
    return (
        ("X-Webhook-Timestamp", str(timestamp)),
        ("X-Webhook-Delivery-ID", webhook_id),
        *(("X-Webhook-Signature", f"v1={_hex(secret, signed)}") for secret in secrets[:1]),
    )


def _hex(secret: str, signed: bytes) -> str:
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex()
