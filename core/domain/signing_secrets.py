"""Signing secrets in the format of Standard Webhooks: `whsec_`, `whsk_` or `whpk_`, then base64."""

import base64
import re
from collections.abc import Callable, Container
from contextlib import suppress
from functools import lru_cache
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
_URL_SAFE: Final = re.compile(r"(?=.*[-_])[A-Za-z0-9_-]+={0,2}")
_UNPADDED: Final = re.compile(r"[A-Za-z0-9+/]+")


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


@lru_cache(maxsize=4_096)
def parse_secret(text: str) -> bytes:
    """Return the 24 to 64 bytes of a `whsec_...`. Cached, because every attempt needs them.

    Raises:
        InvalidInput: naming `secret`; the message never repeats it.

    """
    return _decode(text, SECRET_PREFIX, _SECRET_BYTES, "24 to 64 random bytes")


def parse_private_key(text: str) -> bytes:
    """Return the 32 bytes of the private key in a `whsk_...`, which can also contain the public key.

    Raises:
        InvalidInput: naming `secret`; the message never repeats it.

    """
    return _decode(text, PRIVATE_PREFIX, (_KEY_BYTES, 2 * _KEY_BYTES), "an ed25519 private key")[:_KEY_BYTES]


def parse_public_key(text: str) -> bytes:
    """Return the 32 bytes of the public key in a `whpk_...`.

    Raises:
        InvalidInput: naming `secret`.

    """
    return _decode(text, PUBLIC_PREFIX, (_KEY_BYTES,), "an ed25519 public key")


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


def _decode(text: str, prefix: str, lengths: Container[int], content: str) -> bytes:
    """Return the bytes after `prefix`, in base64 as Standard Webhooks defines it.

    Other alphabets and missing padding are refused, not read: the library of a receiver refuses them too, or decodes
    the same text to another key.
    """
    encoded = text.removeprefix(prefix)
    if text.startswith(prefix):
        if _URL_SAFE.fullmatch(encoded):
            raise InvalidInput.of(
                "secret", 'is base64 in the alphabet for URLs; replace "-" with "+" and "_" with "/"'
            )
        if _UNPADDED.fullmatch(encoded) and len(encoded) % 4 in {2, 3}:
            padding = "=" * (-len(encoded) % 4)
            raise InvalidInput.of("secret", f'is base64 without its padding; append "{padding}"')
        with suppress(ValueError):
            key = base64.b64decode(encoded, validate=True)
            if len(key) in lengths:
                return key
    raise InvalidInput.of("secret", f"must be {prefix} and the base64 of {content}")
