"""The cookies of the service: their attributes, and the name of the session cookie."""

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

Connection = ASGIConnection[Any, Any, Any, Any]

_PLAIN: Final = "breakwater"
_SECURE: Final = "__Host-breakwater"
"""Browsers accept this prefix only over https, from this host and for every path: no other host can set it."""


def is_secure(connection: Connection) -> bool:
    """Return whether the browser reaches the service over https, directly or through the proxy of `base_url`."""
    base_url: str | None = connection.app.state.settings.base_url
    return connection.scope["scheme"] == "https" or bool(base_url and base_url.startswith("https:"))


def preference_cookie(connection: Connection, key: str, value: str, seconds: int) -> Cookie:
    """Return the cookie of a preference, which scripts may change; an empty value deletes it."""
    return _cookie(connection, key, value, seconds, httponly=False)


def message_cookie(connection: Connection, key: str, value: str, seconds: int) -> Cookie:
    """Return the cookie of a message to the next page; an empty value deletes it."""
    return _cookie(connection, key, value, seconds, httponly=True)


def session_token(connection: Connection) -> str | None:
    """Return the session token that the request carries, or None."""
    return connection.cookies.get(_SECURE if is_secure(connection) else _PLAIN)


def session_cookie(connection: Connection, token: str, seconds: float) -> Cookie:
    """Return the cookie of a session that lasts `seconds`; 0 deletes the cookie."""
    key = _SECURE if is_secure(connection) else _PLAIN
    return _cookie(connection, key, token, int(seconds), httponly=True)


def _cookie(connection: Connection, key: str, value: str, seconds: int, *, httponly: bool) -> Cookie:
    return Cookie(
        key=key,
        value=value,
        max_age=max(0, seconds) if value else 0,
        path="/",
        httponly=httponly,
        secure=is_secure(connection),
        samesite="lax",
    )
