"""Notices a log (`-wal`) that lies beside another state of the database file than the one it continues.

SQLite replays any log that it finds. After a crash the log stays, and a backup that is copied over the file would be
mixed with the pages of the log.

Two numbers in the header of the database, which is page 1 of the file, tell the states apart: `user_version` is the
stamp of the state, `application_id` the stamp that the file has while the log continues it. Each checkpoint gets a new
stamp, and afterwards so does each log. So the file has the base of its log, or the stamp of its log when a checkpoint
copied that into it. A copy that was read through the log, as `.backup` does, has the stamp of the log, too. But SQLite
gives such copies a schema version of their own.
"""

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from breakwater.core.domain.errors import StartRefused

_HEADER_BYTES: Final = 100
_MAGIC: Final = b"SQLite format 3\x00"
_LOG_HEADER_BYTES: Final = 32
_LOCKED_SECONDS: Final = 2.0
_STAMPS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a database says about its state; 0 is a stamp that was never set."""

    stamp: int
    base: int
    schema: int

    @classmethod
    def of_file(cls, descriptor: int) -> Self | None:
        """Return the header of the file without its log; None when the file is not a database."""
        content = os.pread(descriptor, _HEADER_BYTES, 0)
        if len(content) < _HEADER_BYTES or not content.startswith(_MAGIC):
            return None
        # https://sqlite.org/fileformat2.html, section 1.3
        stamp, base, schema = (int.from_bytes(content[at : at + 4]) for at in (60, 68, 40))
        return cls(stamp, base, schema)

    @classmethod
    def of_connection(cls, connection: sqlite3.Connection) -> Self:
        """Return the header as SQLite reads it, through the log."""
        names = ("user_version", "application_id", "schema_version")
        return cls(*(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names))


def is_stale(file: Header, log: Header) -> bool:
    """Return whether the log does not continue this file."""
    if log.stamp == 0 or file.stamp == log.base:
        return False
    return file.stamp != log.stamp or file.schema != log.schema


def refuse_stale_log(path: Path) -> None:
    """Raise StartRefused when the file at `path` was replaced and the log of its former state is still there.

    This process must not have the database open: closing the file would release the locks of SQLite.
    """
    log = path.with_name(path.name + "-wal")
    if not path.stat().st_size or not log.exists() or log.stat().st_size <= _LOG_HEADER_BYTES:
        return
    with path.open("rb") as opened:
        file = Header.of_file(opened.fileno())
    if file is None:
        raise StartRefused(f"{path} is not a SQLite database: give another path, or move that file away.")
    try:
        through_log = _read_through_log(path)
    except sqlite3.Error:  # the check for damage names the reason
        return
    if is_stale(file, through_log):
        raise StartRefused(
            f"{path} was replaced, and the log {log.name} of its former state is still there. To use the present file, "
            f"move {log.name} and {path.name}-shm away. To use the former state, put its file back."
        )


def _read_through_log(path: Path) -> Header:
    # A read-only connection does not checkpoint, even as the last one to close.
    uri = f"{path.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_LOCKED_SECONDS)) as connection:
        return Header.of_connection(connection)


def checkpoint(connection: sqlite3.Connection, descriptor: int) -> None:
    """Copy the log into the file and empty it, with a new stamp for both. `descriptor` is that of the file.

    Pages that a reader still needs stay in the log for the next checkpoint. Raises sqlite3.Error.
    """
    # A full disk can refuse a stamp, and the checkpoint is what makes room in the log.
    with suppress(sqlite3.Error):
        _stamp(connection, descriptor)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    _stamp(connection, descriptor)


def _stamp(connection: sqlite3.Connection, descriptor: int) -> None:
    """Commit a new stamp, and the present one of the file as its base."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in stamp_statements(descriptor):
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def stamp_statements(descriptor: int) -> tuple[str, str]:
    """Return what gives the present transaction a new stamp, and the stamp of the file as its base."""
    file = Header.of_file(descriptor)
    return (
        f"PRAGMA application_id={file.stamp if file else 0}",
        f"PRAGMA user_version={secrets.randbelow(_STAMPS) + 1}",
    )
