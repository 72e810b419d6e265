"""Which failures of a database mean that it cannot be used just now, and which are mistakes of the statement."""

import sqlite3
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from core.domain.errors import StoreUnavailable

RETRY_AFTER: Final = 1.0
"""Seconds after which a caller may try again: the writer itself tries with the next batch."""

_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: "another program holds a lock on it",
    sqlite3.SQLITE_LOCKED: "another program holds a lock on it",
    sqlite3.SQLITE_PERM: "its file may not be accessed",
    sqlite3.SQLITE_NOMEM: "the machine is out of memory",
    sqlite3.SQLITE_READONLY: "its file is read-only",
    sqlite3.SQLITE_INTERRUPT: "the statement was interrupted",
    sqlite3.SQLITE_IOERR: "reading or writing its file failed",
    sqlite3.SQLITE_CORRUPT: "its file is damaged",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_PROTOCOL: "another program holds a lock on it",
    sqlite3.SQLITE_NOTADB: "its file is damaged",
}
"""Primary result codes of https://sqlite.org/rescode.html that no change of the statement would cure."""

_POSTGRES: Final = {
    "08": "the connection was lost",
    "25006": "it is read-only",
    "40001": "another process changed the same rows",
    "40P01": "another process changed the same rows",
    "53": "it is out of disk, memory or connections",
    "55P03": "another process holds a lock",
    "57": "it is shutting down or the statement was cancelled",
    "58": "reading or writing its files failed",
    "XX": "it reports an internal error",
}
"""SQLSTATE classes and codes of the same kind."""


def store_failure(error: BaseException) -> StoreUnavailable | None:
    """Return what callers are told when `error` means that the database is unusable just now, else None."""
    if isinstance(error, StoreUnavailable):
        return error
    why = _why(error)
    return (
        None
        if why is None
        else StoreUnavailable(f"The database is unavailable: {why}", retry_after=RETRY_AFTER)
    )


def _why(error: BaseException) -> str | None:
    if isinstance(error, PoolTimeoutError):
        return "every connection is in use"
    if isinstance(error, DBAPIError):
        return _why_of_driver(error)
    if isinstance(error, sqlite3.Error):
        return _why_of_sqlite(error)
    if isinstance(error, OSError | TimeoutError):
        return f"it cannot be reached ({error or type(error).__name__})"
    return None


def _why_of_driver(error: DBAPIError) -> str | None:
    cause: Any = error.orig
    if isinstance(cause, sqlite3.Error):
        return _why_of_sqlite(cause)
    state = str(getattr(cause, "sqlstate", None) or "")
    known = _POSTGRES.get(state) or _POSTGRES.get(state[:2])
    if known is None and (error.connection_invalidated or (isinstance(error, InterfaceError) and not state)):
        return "the connection was lost"
    return known


def _why_of_sqlite(error: sqlite3.Error) -> str | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by the driver itself: its connection is closed
        closed = (
            isinstance(error, sqlite3.OperationalError | sqlite3.ProgrammingError)
            and "clos" in str(error).lower()
        )
        return "the connection was lost" if closed or "no active" in str(error).lower() else None
    return _SQLITE.get(code & 0xFF)
