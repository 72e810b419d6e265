"""Ed25519 signatures with `cryptography`, for the domain, which imports no library."""

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES: Final = 32
_LONG_FORM_BYTES: Final = 64


def generate() -> tuple[bytes, bytes]:
    """Return a new private key (its seed of 32 bytes) and its public key (32 bytes)."""
    private = Ed25519PrivateKey.generate().private_bytes_raw()
    return private, public_key(private)


def public_key(private: bytes) -> bytes:
    """Return the public key, 32 bytes, that verifies what `private` signs."""
    return _key(private).public_key().public_bytes_raw()


def sign_ed25519(private: bytes, message: bytes) -> bytes:
    """Return the signature of `message`, 64 bytes.

    Args:
        private: the seed, 32 bytes, or the seed and the public key together, 64 bytes, as in some libraries.
        message: the bytes to sign.

    Raises:
        ValueError: `private` has another length.

    """
    return _key(private).sign(message)


def verify_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether `signature` is that of `message` by the owner of the public key of 32 bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=1024)
def _key(private: bytes) -> Ed25519PrivateKey:
    """Return the key object. Cached, because its creation costs more than a signature."""
    if len(private) not in {SEED_BYTES, _LONG_FORM_BYTES}:
        raise ValueError(f"an ed25519 key has {SEED_BYTES} or {_LONG_FORM_BYTES} bytes, not {len(private)}")
    return Ed25519PrivateKey.from_private_bytes(private[:SEED_BYTES])
