"""The secrets by which an endpoint's requests are signed."""

import os

from core.domain.signing import make_key_pair, make_secret
from core.domain.states import SignatureScheme
from core.outbound.ed25519 import generate


def new_secret(scheme: SignatureScheme) -> str:
    """Return a fresh secret for `scheme`."""
    if scheme is SignatureScheme.ED25519:
        private, _public = make_key_pair(*generate())
        return private
    return make_secret(os.urandom)
