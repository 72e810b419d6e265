"""The session's cookie, and the token against forged forms that is bound to it."""

import hashlib
import hmac
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

Connection = ASGIConnection[Any, Any, Any, Any]

_PLAIN: Final = "breakwater"
_SECURE: Final = "__Host-breakwater"
"""Browsers take this prefix only over https, from this host and for every path: no other host can plant it."""


def is_secure(connection: Connection) -> bool:
    """Return whether the browser reaches the service over https, directly or by the proxy of `base_url`."""
    base_url: str | None = connection.app.state.settings.base_url
    return connection.scope["scheme"] == "https" or bool(base_url and base_url.startswith("https:"))


def session_token(connection: Connection) -> str | None:
    """Return what the session's cookie carries."""
    return connection.cookies.get(_SECURE if is_secure(connection) else _PLAIN)


def session_cookie(connection: Connection, token: str, seconds: float) -> Cookie:
    """Return the cookie that begins a session of `seconds`; with no time left, the one that ends it."""
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


def csrf_token(session: str) -> str:
    """Return the token of a session's forms: nobody who does not know the cookie can make it."""
    return hmac.digest(session.encode(), b"breakwater form", hashlib.sha256).hex()
