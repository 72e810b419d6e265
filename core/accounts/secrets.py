"""Random tokens and their digests, and passwords off the event loop."""

import asyncio
import hashlib
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

KEY_PREFIX: Final = "bw_"
_TOKEN_BYTES: Final = 32
_HASHES_AT_ONCE: Final = 2
"""Each takes 64 MiB and a core for some tens of milliseconds: sign-in must not crowd out deliveries."""


def new_token(prefix: str = "") -> str:
    """Return `prefix` and 256 random bits in URL-safe base 64."""
    return f"{prefix}{secrets.token_urlsafe(_TOKEN_BYTES)}"


def digest_of(token: str) -> str:
    """Return the SHA-256 of `token`, in hex: what is stored of keys, sessions and codes.

    A fast hash is right here: nobody can guess 256 random bits, however fast they hash.
    """
    return hashlib.sha256(token.encode()).hexdigest()


class Passwords:
    """argon2id in a thread, a bounded number at once."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._gate = asyncio.Semaphore(_HASHES_AT_ONCE)
        self._decoy: str | None = None

    async def digest(self, password: str) -> str:
        """Return the salted digest of `password`, to be stored."""
        async with self._gate:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def match(self, digest: str | None, password: str) -> bool:
        """Return whether `digest` is of `password`.

        None, nobody's digest, takes as long as a wrong password: the time must not tell which names exist.
        """
        if digest is None:
            self._decoy = self._decoy or await self.digest(new_token())
        async with self._gate:
            matches = await asyncio.to_thread(self._verify, digest or self._decoy or "", password)
        return matches and digest is not None

    def _verify(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False
