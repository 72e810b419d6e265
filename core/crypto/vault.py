"""Endpoint secrets at rest: encrypted with AES-256-GCM, each bound to its row."""

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
    """A sealed secret cannot be opened. The message tells a wrong key from a damaged secret."""


class Vault:
    """Seals and opens secrets with one key.

    A sealed secret consists of the format (1 byte), the mark of the key (4), the nonce (12), and the ciphertext with
    its tag. The mark tells a changed key from a secret that was damaged or moved to another row.
    """

    def __init__(self, key: bytes) -> None:
        """Use `key`, of 32 random bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a vault key must have {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(key)
        self._mark = hashlib.sha256(b"breakwater vault key" + key).digest()[:_MARK_BYTES]

    @classmethod
    def from_settings(cls, secret_key: str | SecretStr | None, key_file: Path) -> "Vault":
        """Return the vault of `secret_key`, or else of `key_file`, which is created when it is missing.

        Only the owner can read the file. Raises StartRefused when it cannot be created or read, or has no valid key.
        """
        if isinstance(secret_key, SecretStr):
            secret_key = secret_key.get_secret_value()
        return cls(_derive_key(secret_key) if secret_key else _read_key(key_file))

    def seal(self, text: str, context: str) -> bytes:
        """Return `text` encrypted; only the same `context`, such as the id of its row, opens it."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + self._mark + nonce + self._cipher.encrypt(nonce, text.encode(), context.encode())

    def open(self, blob: bytes, context: str) -> str:
        """Return the text that was sealed for `context`. Raises SecretUnreadable."""
        if len(blob) < _HEADER_BYTES or not blob.startswith(_FORMAT):
            raise SecretUnreadable(f"The stored secret of {context} is damaged: rotate it.")
        mark, nonce, sealed = blob[1:5], blob[5:_HEADER_BYTES], blob[_HEADER_BYTES:]
        if mark != self._mark:
            raise SecretUnreadable(
                f"The stored secret of {context} was sealed with another key: restore BREAKWATER_SECRET_KEY or the "
                f"key file, or rotate the secret."
            )
        try:
            return self._cipher.decrypt(nonce, sealed, context.encode()).decode()
        except InvalidTag:
            raise SecretUnreadable(
                f"The stored secret of {context} is damaged or belongs to something else: rotate it."
            ) from None


def _derive_key(secret_key: str) -> bytes:
    """Return the key for a long random setting. It needs no slow hash, because it is not a password."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"breakwater vault").derive(secret_key.encode())


def _read_key(path: Path) -> bytes:
    try:
        if not path.exists():
            _create_key_file(path)
        key = bytes.fromhex(path.read_text("ascii"))
    except OSError as error:
        raise StartRefused(
            f"The key file {path} cannot be read or created ({error.strerror}): set another BREAKWATER_KEY_FILE, or "
            f"set BREAKWATER_SECRET_KEY."
        ) from error
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartRefused(
            f"The key file {path} does not hold a key (64 hexadecimal digits): restore it from a backup; a new one "
            f"cannot open the secrets that are stored."
        )
    return key


def _create_key_file(path: Path) -> None:
    """Create the file atomically, also when two processes start at the same time or the power fails."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first, and its key is used
            os.link(draft, path)
        _flush_folder(path.parent)
    finally:
        draft.unlink()


def _flush_folder(folder: Path) -> None:
    """Flush the entry of a new file: secrets that are sealed with a key must not outlive it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some file systems cannot flush a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
