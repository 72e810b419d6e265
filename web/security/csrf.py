"""CSRF tokens: every form carries one that is bound to the session cookie."""

import hashlib
import hmac
import secrets
from typing import Any, Final
from urllib.parse import parse_qs

from jinja2.runtime import Context
from litestar import Request
from markupsafe import Markup

from breakwater.core.domain.errors import Forbidden
from breakwater.web.security.cookies import session_token

CSRF_FIELD: Final = "_csrf"
FORM_ID_FIELD: Final = "_form"
"""Identifies one rendered form, which is carried out once."""
_MARK_LENGTH: Final = 16
CSRF_HEADER: Final = "x-csrf-token"
_MAX_FIELDS: Final = 200
"""Fields that a form of the service has at most."""
_FORM: Final = "application/x-www-form-urlencoded"


def csrf_token(session: str) -> str:
    """Return the CSRF token of a session. It cannot be computed without the session token."""
    return hmac.digest(session.encode(), b"breakwater form", hashlib.sha256).hex()


def session_mark(context: Context) -> str:
    """Return what the tabs of a browser know a session by, or "" without a session. It reveals nothing of its token."""
    session = session_token(context["request"])
    if session is None:
        return ""
    return hmac.digest(session.encode(), b"breakwater tabs", hashlib.sha256).hex()[:_MARK_LENGTH]


async def check_csrf_token(request: Request[Any, Any, Any], session: str) -> None:
    """Raise Forbidden unless the request carries the CSRF token of `session`, in its form or in a header."""
    sent = request.headers.get(CSRF_HEADER) or await _token_in_form(request) or ""
    if not hmac.compare_digest(sent.encode(), csrf_token(session).encode()):
        raise Forbidden("The form is from another session. Reload the page and try again.")


def csrf_field(context: Context) -> Markup:
    """Return the hidden fields with the CSRF token and the token of this form; nothing when the request has no session.

    A page that starts a session passes the new token as `csrf`, because its request has no session cookie yet.
    """
    session = session_token(context["request"])
    value = context.get("csrf") or (None if session is None else csrf_token(session))
    if value is None:
        return Markup()
    fields = {CSRF_FIELD: value, FORM_ID_FIELD: secrets.token_urlsafe(12)}
    field = Markup('<input type="hidden" name="{}" value="{}">')
    return Markup().join(field.format(name, content) for name, content in fields.items())


async def _token_in_form(request: Request[Any, Any, Any]) -> str | None:
    if not request.headers.get("content-type", "").lower().startswith(_FORM):
        return None
    try:
        fields = parse_qs((await request.body()).decode("latin-1"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
    return fields.get(CSRF_FIELD, [None])[0]
