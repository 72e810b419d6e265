"""The session cookie: its name, its attributes, and how to read it."""

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


def session_token(connection: Connection) -> str | None:
    """Return the session token that the request carries, or None."""
    return connection.cookies.get(_SECURE if is_secure(connection) else _PLAIN)


def session_cookie(connection: Connection, token: str, seconds: float) -> Cookie:
    """Return the cookie of a session that lasts `seconds`; 0 deletes the cookie."""
    secure = is_secure(connection)
    return Cookie(
        key=_SECURE if secure else _PLAIN,
        value=token,
        max_age=max(0, int(seconds)),
        path="/",
        httponly=True,
        secure=secure,
        samesite="lax",
    )
