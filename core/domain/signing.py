"""Sign requests, so that a receiver can verify the sender, the content and the time.

The schemes `standard` and `ed25519` are Standard Webhooks: the signed text is `{id}.{timestamp}.{body}`. The header
has one signature per active secret, so that receivers accept requests during a rotation.
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
    """Return the headers that `scheme` adds to a request, always with id and timestamp.

    `secrets` are the active ones, newest first; without secrets the request is not signed. `timestamp` is the time of
    the attempt, in seconds. `github` and `legacy` send one signature, with the text of the newest secret.

    Raises:
        InvalidInput: when the newest secret does not fit the scheme, or the id has a dot.

    """
    if "." in webhook_id:
        raise InvalidInput.of(
            "webhook_id", "must not contain a dot, which separates the parts of the signed text"
        )
    headers = (("webhook-id", webhook_id), ("webhook-timestamp", str(timestamp)))
    match scheme:
        case SignatureScheme.STANDARD | SignatureScheme.ED25519:
            signed = _standard_text(webhook_id, str(timestamp), body)
            return headers + _standard(secrets, signed, ed25519)
        case SignatureScheme.GITHUB:
            return headers + tuple(
                ("X-Hub-Signature-256", f"sha256={hmac_hex(secret, body)}") for secret in secrets[:1]
            )
        case SignatureScheme.LEGACY:
            return headers + _legacy(secrets, webhook_id, timestamp, body)
        case _:
            assert_never(scheme)


def _standard_text(webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{webhook_id}.{timestamp}.".encode() + body


def _standard(secrets: Sequence[str], signed: bytes, ed25519: SignEd25519 | None) -> Headers:
    """Sign with each secret, by the algorithm of its prefix.

    After a change of the scheme, an older secret can have no prefix. It is skipped, because its receiver does not read
    this header.
    """
    usable = [*secrets[:1], *(old for old in secrets[1:] if old.startswith((SECRET_PREFIX, PRIVATE_PREFIX)))]
    if not usable:
        return ()
    return (("webhook-signature", " ".join(_signature(secret, signed, ed25519) for secret in usable)),)


def _signature(secret: str, signed: bytes, ed25519: SignEd25519 | None) -> str:
    if not secret.startswith(PRIVATE_PREFIX):
        return hmac_signature(parse_secret(secret), signed)
    if ed25519 is None:
        raise InvalidInput.of("signature", "ed25519 is not available here; use the standard scheme")
    return f"v1a,{base64.b64encode(ed25519(parse_private_key(secret), signed)).decode()}"


def hmac_signature(key: bytes, signed: bytes) -> str:
    """Return the signature of Standard Webhooks with a symmetric key: `v1,<base64>`."""
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def _legacy(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> Headers:
    signed = f"{timestamp}.".encode() + body
    return (
        ("X-Webhook-Timestamp", str(timestamp)),
        ("X-Webhook-Delivery-ID", webhook_id),
        *(("X-Webhook-Signature", f"v1={hmac_hex(secret, signed)}") for secret in secrets[:1]),
    )


def hmac_hex(secret: str, signed: bytes) -> str:
    """Return the HMAC-SHA256 as hex digits. The whole text of `secret` is the key, its prefix included."""
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex()
