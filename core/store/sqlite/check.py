"""Checks a SQLite file at start, and refuses it with one sentence that names the remedy."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from breakwater.core.domain.errors import StartRefused

CHECK_SECONDS: Final = 2.0
"""Time limit of the check for damage. A large file is checked only in part, so that the start stays fast."""
_LOCKED_SECONDS: Final = 2.0
_STEPS: Final = 10_000
"""Instructions of SQLite between two checks of the time: well under a millisecond."""


def refuse_unusable(path: Path) -> None:
    """Raise StartRefused when this process cannot have a database file at `path`."""
    try:
        reason = _unusable(path)
    except OSError as error:
        reason = f"{path} cannot be reached ({error.strerror})."
    if reason is not None:
        raise StartRefused(f"Cannot open the database: {reason}")


def _unusable(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"there is no directory {path.parent}; create it first."
    if path.is_dir():
        return f"{path} is a directory; give the path of a file."
    if not _has_access(path.parent, os.W_OK | os.X_OK):
        return f"the directory {path.parent} is not writable; the log and the lock file are stored there."
    if path.exists() and not _has_access(path, os.R_OK | os.W_OK):
        return f"{path} is not readable and writable for this user; change its permissions."
    return None


def _has_access(path: Path, access: int) -> bool:
    return os.access(path, access, effective_ids=os.access in os.supports_effective_ids)


def prepare_file(path: Path) -> None:
    """Create an empty file for a new database, private because of the payloads. SQLite's log files get its mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StartRefused(
            f"Cannot open the database: {path} cannot be created ({error.strerror})."
        ) from error


def refuse_damaged(path: Path) -> None:
    """Raise StartRefused when the file is not a database, or when `CHECK_SECONDS` of reading find damage."""
    try:
        finding = _quick_check(path)
    except sqlite3.Error as error:
        raise StartRefused(_sentence(path, error)) from error
    if finding != "ok":
        raise StartRefused(f"{path} is damaged ({finding}): restore it from a backup.")


def _quick_check(path: Path) -> str:
    with closing(sqlite3.connect(path, timeout=_LOCKED_SECONDS)) as connection:
        deadline = time.monotonic() + CHECK_SECONDS
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]).replace("\n", " ")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return "ok"
            raise


def _sentence(path: Path, error: sqlite3.Error) -> str:
    match error.sqlite_errorcode & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return f"{path} is not a SQLite database: give another path, or move that file away."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{path} is locked by another program: close it first."
        case sqlite3.SQLITE_CORRUPT:
            return f"{path} is damaged ({error}): restore it from a backup."
        case _:
            return f"{path} cannot be used as a database: {error}."
