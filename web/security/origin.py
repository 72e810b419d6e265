"""Where a change was asked for: on our own pages, or somewhere else."""

import hmac
from typing import Any, Final
from urllib.parse import parse_qs

from litestar import Request

from breakwater.core.domain.errors import Forbidden
from breakwater.web.security.cookies import Connection, csrf_token

CSRF_FIELD: Final = "_csrf"
CSRF_HEADER: Final = "x-csrf-token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_RELOAD: Final = "Reload the page and try again."
_FORM: Final = "application/x-www-form-urlencoded"


def check_same_origin(connection: Connection) -> None:
    """Raise Forbidden unless the browser says that one of our own pages asks.

    Browsers send `Sec-Fetch-Site` to trustworthy origins; `Origin` comes with every POST, also over plain http.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        allowed = site == "same-origin"
    else:
        allowed = connection.headers.get("origin") in _own_origins(connection)
    if not allowed:
        raise Forbidden(f"The request did not come from a page of this service. {_RELOAD}")


async def check_csrf_token(request: Request[Any, Any, Any], session: str) -> None:
    """Raise Forbidden unless the request carries the token of this session, in its form or in a header."""
    sent = request.headers.get(CSRF_HEADER) or await _token_of_form(request) or ""
    if not hmac.compare_digest(sent.encode(), csrf_token(session).encode()):
        raise Forbidden(f"The form is from another session. {_RELOAD}")


def _own_origins(connection: Connection) -> set[str]:
    base_url: str | None = connection.app.state.settings.base_url
    host = connection.headers.get("host", "")
    return {f"{connection.scope['scheme']}://{host}", *([base_url] if base_url else [])}


async def _token_of_form(request: Request[Any, Any, Any]) -> str | None:
    if not request.headers.get("content-type", "").lower().startswith(_FORM):
        return None
    fields = parse_qs((await request.body()).decode("latin-1"))
    return fields.get(CSRF_FIELD, [None])[0]
