"""Secrets at rest: encrypted with AES-256-GCM, each bound to its row."""

import hashlib
import os
from enum import Enum, auto, unique
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from breakwater.core.crypto.key_file import KEY_BYTES, create_key, read_key
from breakwater.core.domain.errors import BreakwaterError

_FORMAT: Final = b"\x01"
_MARK_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEADER_BYTES: Final = len(_FORMAT) + _MARK_BYTES + _NONCE_BYTES


@unique
class Unreadable(Enum):
    """Why a sealed secret cannot be opened."""

    NO_KEY = auto()
    """The key file is missing."""
    OTHER_KEY = auto()
    DAMAGED = auto()
    """Damaged, or moved from another row."""


class SecretUnreadable(BreakwaterError):  # noqa: N818  # read as "raise SecretUnreadable", like its siblings
    """A sealed secret cannot be opened. The message tells a wrong key from a damaged secret."""

    def __init__(self, cause: Unreadable, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Vault:
    """Seals and opens secrets with one key.

    A sealed secret consists of the format (1 byte), the mark of the key (4), the nonce (12), and the ciphertext with
    its tag. The mark tells a changed key from a secret that was damaged or moved to another row.

    The vault of a key file that is missing opens nothing. Its file is created by `ensure_key`, or when the first secret
    is sealed.
    """

    def __init__(self, key: bytes | None, key_file: Path | None = None) -> None:
        """Use `key`, of 32 random bytes; None takes it from `key_file`, which is missing so far."""
        self._key_file = key_file
        self._cipher: AESGCM | None = None
        self._mark = b""
        if key is not None:
            self._use(key)

    @classmethod
    def from_settings(cls, secret_key: str | SecretStr | None, key_file: Path) -> "Vault":
        """Return the vault of `secret_key`, or else of `key_file`. Nothing is written.

        Raises StartRefused when the file cannot be read or does not hold a key.
        """
        if isinstance(secret_key, SecretStr):
            secret_key = secret_key.get_secret_value()
        if secret_key:
            return cls(_derive_key(secret_key))
        return cls(read_key(key_file), key_file)

    @property
    def key_name(self) -> str:
        """Return where the key comes from."""
        return "BREAKWATER_SECRET_KEY" if self._key_file is None else f"the key file {self._key_file}"

    def ensure_key(self) -> None:
        """Create the key file when it is missing. Raises StartRefused when it cannot be created."""
        if self._cipher is None and self._key_file is not None:
            self._use(create_key(self._key_file))

    def seal(self, text: str, context: str) -> bytes:
        """Return `text` encrypted; only the same `context`, such as the id of its row, opens it."""
        self.ensure_key()
        cipher = self._loaded(context)
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + self._mark + nonce + cipher.encrypt(nonce, text.encode(), context.encode())

    def open(self, blob: bytes, context: str) -> str:
        """Return the text that was sealed for `context`. Raises SecretUnreadable."""
        cipher = self._loaded(context)
        if len(blob) < _HEADER_BYTES or not blob.startswith(_FORMAT):
            raise SecretUnreadable(
                Unreadable.DAMAGED, f"The stored secret of {context} is damaged: rotate it."
            )
        mark, nonce, sealed = blob[1:5], blob[5:_HEADER_BYTES], blob[_HEADER_BYTES:]
        if mark != self._mark:
            raise SecretUnreadable(
                Unreadable.OTHER_KEY,
                f"The stored secret of {context} was sealed with another key: restore BREAKWATER_SECRET_KEY or the "
                f"key file, or run `breakwater secrets reset`.",
            )
        try:
            return cipher.decrypt(nonce, sealed, context.encode()).decode()
        except InvalidTag:
            raise SecretUnreadable(
                Unreadable.DAMAGED,
                f"The stored secret of {context} is damaged or belongs to something else: rotate it.",
            ) from None

    def _use(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a vault key must have {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(key)
        self._mark = hashlib.sha256(b"breakwater vault key" + key).digest()[:_MARK_BYTES]

    def _loaded(self, context: str) -> AESGCM:
        if self._cipher is None and self._key_file is not None and (key := read_key(self._key_file)):
            self._use(key)
        if self._cipher is None:
            raise SecretUnreadable(
                Unreadable.NO_KEY,
                f"The stored secret of {context} cannot be opened because {self.key_name} is missing: restore it from "
                f"a backup, or run `breakwater secrets reset`.",
            )
        return self._cipher


def _derive_key(secret_key: str) -> bytes:
    """Return the key for a long random setting. It needs no slow hash, because it is not a password."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"breakwater vault").derive(secret_key.encode())
