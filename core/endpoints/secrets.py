"""The secrets by which an endpoint's requests are signed."""

import os

from breakwater.core.crypto.ed25519 import generate, public_key
from breakwater.core.domain.signing_secrets import (
    PRIVATE_PREFIX,
    make_key_pair,
    make_secret,
    parse_private_key,
)
from breakwater.core.domain.states import SignatureScheme


def new_secret(scheme: SignatureScheme) -> str:
    """Return a fresh secret for `scheme`."""
    if scheme is SignatureScheme.ED25519:
        private, _public = make_key_pair(*generate())
        return private
    return make_secret(os.urandom)


def public_key_of(secret: str) -> str | None:
    """Return the `whpk_...` by which receivers verify an ed25519 signature; None for secrets that are shared."""
    if not secret.startswith(PRIVATE_PREFIX):
        return None
    private = parse_private_key(secret)
    _private, public = make_key_pair(private, public_key(private))
    return public
