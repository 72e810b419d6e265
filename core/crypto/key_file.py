"""The key file: 32 random bytes as hexadecimal digits, readable by its owner only."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from breakwater.core.domain.errors import StartRefused

KEY_BYTES: Final = 32


def read_key(path: Path) -> bytes | None:
    """Return the key in the file, or None when there is no file.

    Raises StartRefused when the file cannot be read or does not hold a key.
    """
    try:
        key = bytes.fromhex(path.read_text("ascii"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from error
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartRefused(
            f"The key file {path} does not hold a key (64 hexadecimal digits): restore it from a backup. If the key is "
            f"lost, move the file away and run `breakwater secrets reset`."
        )
    return key


def create_key(path: Path) -> bytes:
    """Create the file with a new key, unless another process was first, and return its key.

    The file is complete from its first moment, also after a power failure. Raises StartRefused.
    """
    try:
        _create(path)
        key = read_key(path)
    except OSError as error:
        raise _unusable(path, error) from error
    if key is None:
        raise StartRefused(f"The key file {path} was removed while it was read: start again.")
    return key


def _create(path: Path) -> None:
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


def _unusable(path: Path, error: OSError) -> StartRefused:
    return StartRefused(
        f"The key file {path} cannot be read or created ({error.strerror}): set another BREAKWATER_KEY_FILE, or "
        f"set BREAKWATER_SECRET_KEY."
    )
