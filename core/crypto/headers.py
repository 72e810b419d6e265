"""Custom headers at rest: public values in clear, all other values sealed together."""

import json
from collections.abc import Collection, Mapping

from breakwater.core.crypto.vault import Vault

StoredHeaders = tuple[dict[str, str | None], bytes | None]
"""Each name with its public value, or None for a secret one; and the sealed secret values."""


def seal_headers(
    vault: Vault, endpoint_id: str, headers: Mapping[str, str], public: Collection[str]
) -> StoredHeaders:
    """Return `headers` as they are stored. Values are secret unless `public` has their name."""
    stored = {name: value if name in public else None for name, value in headers.items()}
    secret = {name: value for name, value in headers.items() if name not in public}
    sealed = vault.seal(json.dumps(secret), _context(endpoint_id)) if secret else None
    return stored, sealed


def open_headers(
    vault: Vault, endpoint_id: str, stored: Mapping[str, str | None], sealed: bytes | None
) -> dict[str, str]:
    """Return all names and values, in the order in which they were entered. Raises SecretUnreadable."""
    secret: dict[str, str] = {} if sealed is None else json.loads(vault.open(sealed, _context(endpoint_id)))
    return {name: secret[name] if value is None else value for name, value in stored.items()}


def _context(endpoint_id: str) -> str:
    """Return another context than that of the signing secret, so that the two cannot be exchanged."""
    return f"{endpoint_id} (headers)"
