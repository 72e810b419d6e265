"""Signing secrets in the format of Standard Webhooks: `whsec_`, `whsk_` or `whpk_`, then base64."""

import base64
import binascii
from collections.abc import Callable
from typing import Final, assert_never

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.states import SignatureScheme

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 -- a prefix is not a secret
PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"

_NEW_SECRET_BYTES: Final = 32
_SECRET_BYTES: Final = range(24, 65)
_KEY_BYTES: Final = 32
_MAX_TEXT_LENGTH: Final = 256


def make_secret(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new `whsec_...` of 32 bytes taken from `random_bytes`."""
    return SECRET_PREFIX + base64.b64encode(random_bytes(_NEW_SECRET_BYTES)).decode()


def make_key_pair(private: bytes, public: bytes) -> tuple[str, str]:
    """Return an ed25519 pair, of 32 raw bytes each, as `whsk_...` and `whpk_...`.

    The private text contains both keys, as in other implementations of Standard Webhooks.
    """
    return (
        PRIVATE_PREFIX + base64.b64encode(private + public).decode(),
        PUBLIC_PREFIX + base64.b64encode(public).decode(),
    )


def parse_secret(text: str) -> bytes:
    """Return the 24 to 64 bytes of a `whsec_...`.

    Raises:
        InvalidInput: naming `secret`; the message never repeats it.

    """
    key = _decoded(text, SECRET_PREFIX)
    if key is None or len(key) not in _SECRET_BYTES:
        raise InvalidInput.of("secret", f"must be {SECRET_PREFIX} and the base64 of 24 to 64 random bytes")
    return key


def parse_private_key(text: str) -> bytes:
    """Return the 32 bytes of the private key in a `whsk_...`, which can also contain the public key.

    Raises:
        InvalidInput: naming `secret`; the message never repeats it.

    """
    key = _decoded(text, PRIVATE_PREFIX)
    if key is None or len(key) not in {_KEY_BYTES, 2 * _KEY_BYTES}:
        raise InvalidInput.of("secret", f"must be {PRIVATE_PREFIX} and the base64 of an ed25519 private key")
    return key[:_KEY_BYTES]


def check_secret(scheme: SignatureScheme, text: str) -> None:
    """Check a secret that a caller supplies for `scheme`.

    Raises:
        InvalidInput: naming `secret`, when the scheme cannot sign with it.

    """
    match scheme:
        case SignatureScheme.STANDARD:
            parse_secret(text)
        case SignatureScheme.ED25519:
            parse_private_key(text)
        case SignatureScheme.GITHUB | SignatureScheme.LEGACY:
            if not 0 < len(text) <= _MAX_TEXT_LENGTH:
                raise InvalidInput.of("secret", f"must have from 1 to {_MAX_TEXT_LENGTH} characters")
        case _:
            assert_never(scheme)


def _decoded(text: str, prefix: str) -> bytes | None:
    if not text.startswith(prefix):
        return None
    try:
        return base64.b64decode(text.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        return None
