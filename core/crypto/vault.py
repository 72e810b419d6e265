"""Endpoint secrets at rest: sealed with AES-256-GCM, each bound to the row that it belongs to."""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from breakwater.core.domain.errors import BreakwaterError, StartRefused

KEY_BYTES: Final = 32
_FORMAT: Final = b"\x01"
_MARK_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEADER_BYTES: Final = len(_FORMAT) + _MARK_BYTES + _NONCE_BYTES


class SecretUnreadable(BreakwaterError):  # noqa: N818  # read as "raise SecretUnreadable", like its siblings
    """A sealed secret cannot be opened; the sentence says whether the key or the secret is at fault."""


class Vault:
    """Seals and opens secrets with one key.

    A sealed secret is: format (1 byte), mark of the key (4), nonce (12), ciphertext with its tag. The mark tells a
    changed key, which an operator can put right, from a secret that was damaged or moved to another row.
    """

    def __init__(self, key: bytes) -> None:
        """Use `key`, of 32 random bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a vault's key has {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(key)
        self._mark = hashlib.sha256(b"breakwater vault key" + key).digest()[:_MARK_BYTES]

    @classmethod
    def from_settings(cls, secret_key: str | SecretStr | None, key_file: Path) -> "Vault":
        """Return the vault of `secret_key`, or without one that of `key_file`, which is made when it is not there.

        The file is readable by its owner alone. Raises StartRefused when it cannot be made, read or understood.
        """
        if isinstance(secret_key, SecretStr):
            secret_key = secret_key.get_secret_value()
        return cls(_derived(secret_key) if secret_key else _kept(key_file))

    def seal(self, text: str, context: str) -> bytes:
        """Return `text` encrypted; only the same `context`, such as the id of its row, opens it again."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + self._mark + nonce + self._cipher.encrypt(nonce, text.encode(), context.encode())

    def open(self, blob: bytes, context: str) -> str:
        """Return what was sealed for `context`. Raises SecretUnreadable."""
        if len(blob) < _HEADER_BYTES or not blob.startswith(_FORMAT):
            raise SecretUnreadable(f"The stored secret of {context} is damaged: give it a new one.")
        mark, nonce, sealed = blob[1:5], blob[5:_HEADER_BYTES], blob[_HEADER_BYTES:]
        if mark != self._mark:
            raise SecretUnreadable(
                f"The stored secret of {context} was sealed with another key: give BREAKWATER_SECRET_KEY or the key "
                f"file its former value, or rotate the secret."
            )
        try:
            return self._cipher.decrypt(nonce, sealed, context.encode()).decode()
        except InvalidTag:
            raise SecretUnreadable(
                f"The stored secret of {context} is damaged or belongs to something else: give it a new one."
            ) from None


def _derived(secret_key: str) -> bytes:
    """Return the key that a long random setting stands for. No slow hash: the setting is no password."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"breakwater vault").derive(secret_key.encode())


def _kept(path: Path) -> bytes:
    try:
        if not path.exists():
            _make(path)
        key = bytes.fromhex(path.read_text("ascii"))
    except OSError as error:
        raise StartRefused(
            f"The key file {path} cannot be read or made ({error.strerror}): give another BREAKWATER_KEY_FILE, or set "
            f"BREAKWATER_SECRET_KEY."
        ) from error
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartRefused(
            f"The key file {path} does not hold a key (64 hexadecimal digits): restore it from a backup; a new one "
            f"cannot open the secrets that are stored."
        )
    return key


def _make(path: Path) -> None:
    """Make the file whole or not at all, also when two processes start at once or this one is killed."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, path)
    finally:
        draft.unlink()
