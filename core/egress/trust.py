"""Trusted certificate authorities: the system's, and those that the caller adds.

Where the system has none (a minimal container), Mozilla's list is used, which httpx installs as `certifi`.
"""

import ssl
from functools import cache
from pathlib import Path

import certifi

from breakwater.core.domain.errors import StartRefused


@cache
def mozilla_roots() -> bytes:
    """Return Mozilla's authorities as PEM."""
    return Path(certifi.where()).read_bytes()


def validate_roots(added_roots: bytes | None) -> bytes | None:
    """Return `added_roots` when all of them can be read.

    Raises:
        StartRefused: they are not PEM certificates.

    """
    try:
        if added_roots is not None:
            ssl.create_default_context(cadata=added_roots.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise StartRefused(f"The certificates to trust cannot be read as PEM: {error}") from error
    return added_roots


@cache
def tls_context(added_roots: bytes | None = None) -> ssl.SSLContext:
    """Return the context for Python's TLS. Cached, because loading the authorities takes milliseconds.

    Args:
        added_roots: PEM certificates to trust in addition to the system's.

    """
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(cadata=mozilla_roots().decode("ascii"))
    if added_roots:
        context.load_verify_locations(cadata=added_roots.decode("ascii"))
    return context
