"""Failures that mean that the database is unavailable. Every other failure is an error in a statement."""

import os
import socket
import sqlite3
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from breakwater.core.domain.errors import StoreUnavailable

RETRY_AFTER: Final = 1.0
"""Seconds after which a caller may try again. The writer tries with every batch."""

_LOST: Final = "the connection was lost"
_LOCKED: Final = "another program holds a lock on it"
_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_PERM: "access to its file is denied",
    sqlite3.SQLITE_NOMEM: "the machine is out of memory",
    sqlite3.SQLITE_READONLY: "its file is read-only",
    sqlite3.SQLITE_INTERRUPT: "the statement was interrupted",
    sqlite3.SQLITE_IOERR: "reading or writing its file failed",
    sqlite3.SQLITE_CORRUPT: "its file is damaged",
    sqlite3.SQLITE_NOTADB: "its file is damaged",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
}
"""By primary result code, https://sqlite.org/rescode.html."""
_CONFLICTS: Final = frozenset({"40001", "40P01"})
"""SQLSTATE of a transaction that conflicted with another one and may succeed when it is repeated."""
_POSTGRES: Final = {
    "08": _LOST,
    "25006": "it is read-only",
    "40001": "another process changed the same rows",
    "40P01": "another process changed the same rows",
    "53": "it is out of disk, memory or connections",
    "55P03": "another process holds a lock",
    "57": "it is shutting down, or cancelled the statement",
    "58": "reading or writing its files failed",
    "XX": "it reports an internal error",
}
"""By SQLSTATE or its class, https://www.postgresql.org/docs/current/errcodes-appendix.html."""


def store_failure(error: BaseException) -> StoreUnavailable | None:
    """Return the error for callers when `error` means that the database is unavailable, else None."""
    if isinstance(error, StoreUnavailable):
        return error
    reason = _reason(error)
    return None if reason is None else unavailable(reason)


def unavailable(reason: str) -> StoreUnavailable:
    """Return the error for callers, with the reason in words."""
    return StoreUnavailable(f"The database is unavailable: {reason}.", RETRY_AFTER)


def is_conflict(error: BaseException) -> bool:
    """Return whether the transaction conflicted with one of another process, so that it should be repeated."""
    return isinstance(error, DBAPIError) and _sqlstate(error) in _CONFLICTS


def _reason(error: BaseException) -> str | None:
    match error:
        case DBAPIError(orig=sqlite3.Error() as cause):
            return _sqlite_reason(cause)
        case DBAPIError():
            return _postgres_reason(error)
        case sqlite3.Error():
            return _sqlite_reason(error)
        case PoolTimeoutError():
            return "all its connections are in use"
        case OSError():  # TimeoutError is one
            return f"it cannot be reached ({_os_reason(error)})"
        case _:
            return None


def _os_reason(error: OSError) -> str:
    """Return the reason without the path or the address that the text of the error contains."""
    if isinstance(error, socket.gaierror):
        return error.strerror or type(error).__name__
    return os.strerror(error.errno) if error.errno else type(error).__name__


def _sqlite_reason(error: sqlite3.Error) -> str | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python's module, for a closed connection
        return _LOST if "clos" in str(error) else None
    return _SQLITE.get(code & 0xFF)


def _postgres_reason(error: DBAPIError) -> str | None:
    state = _sqlstate(error)
    reason = _POSTGRES.get(state) or _POSTGRES.get(state[:2])
    lost = error.connection_invalidated or (isinstance(error, InterfaceError) and not state)
    return reason or (_LOST if lost else None)


def _sqlstate(error: DBAPIError) -> str:
    cause: Any = error.orig
    return str(getattr(cause, "sqlstate", None) or "")
