"""Random tokens and their digests, and password hashing off the event loop."""

import asyncio
import hashlib
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

KEY_PREFIX: Final = "bw_"
_TOKEN_BYTES: Final = 32
_MAX_CONCURRENT_HASHES: Final = 2
"""Each hash takes 64 MiB and a core. Sign-ins must not starve deliveries."""


def new_token(prefix: str = "") -> str:
    """Return `prefix` and 256 random bits in URL-safe base 64."""
    return f"{prefix}{secrets.token_urlsafe(_TOKEN_BYTES)}"


def digest_of(token: str) -> str:
    """Return the SHA-256 of `token` in hex, which is stored for keys, sessions and codes.

    A fast hash is sufficient, because 256 random bits cannot be guessed.
    """
    return hashlib.sha256(token.encode()).hexdigest()


class Passwords:
    """Hashes passwords by argon2id in threads, a bounded number concurrently."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT_HASHES)
        self._dummy_digest: str | None = None

    async def digest(self, password: str) -> str:
        """Return the salted digest of `password` for the database."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def match(self, digest: str | None, password: str) -> bool:
        """Return whether `digest` belongs to `password`.

        No digest takes as long as a wrong password, so that the time does not reveal which names exist.
        """
        if digest is None:
            self._dummy_digest = self._dummy_digest or await self.digest(new_token())
        async with self._slots:
            matches = await asyncio.to_thread(self._verify, digest or self._dummy_digest or "", password)
        return matches and digest is not None

    def _verify(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False
