"""Secrets that are shown after the form that created them: on a page of their own, so that a reload creates nothing.

The browser carries the secret to that page in a cookie that only this service can read, within the same session. It
expires after minutes, and nothing is stored.
"""

import base64
import binascii
from typing import Any, Final, Literal

import msgspec
from litestar import get
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Response, Template

from breakwater.core.domain.errors import BreakwaterError
from breakwater.web.pages.reply import PageRequest, redirect, render_page, runtime_of
from breakwater.web.security.cookies import is_secure, session_token
from breakwater.web.security.guards import requires

_COOKIE: Final = "shown_once"
_SECONDS: Final = 300
"""How long the page can be reloaded."""
_PAGE: Final = "/created"


class ShownOnce(msgspec.Struct, frozen=True, kw_only=True):
    """A secret with what its page says about it."""

    kind: Literal["secret", "key", "invitation"]
    id: str
    """The id of the endpoint, the key or the person."""
    name: str
    text: str
    """The secret, the key or the link."""
    scopes: tuple[str, ...] = ()
    rotated: bool = False
    overlaps: bool = True
    """Whether the old secret of an endpoint signs too for a day after a rotation."""


_TEMPLATES: Final = {
    "secret": "endpoints/secret.html",
    "key": "settings/key.html",
    "invitation": "settings/invitation.html",
}


def redirect_to_secret(request: PageRequest, shown: ShownOnce) -> Response[Any]:
    """Redirect to the page that shows a new secret."""
    path = f"{_PAGE}/{shown.id}"
    sealed = runtime_of(request).vault.seal(msgspec.json.encode(shown).decode(), _context(request, path))
    cookie = Cookie(
        key=_COOKIE,
        value=base64.urlsafe_b64encode(sealed).decode().rstrip("="),
        path=path,
        max_age=_SECONDS,
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
    )
    return redirect(request, path, cookies=[cookie])


@get(f"{_PAGE}/{{created_id:str}}", guards=[requires("admin")], include_in_schema=False)
async def created(request: PageRequest, created_id: FromPath[str]) -> Template:
    """Show a new secret, or say that it is no longer shown."""
    shown = _read(request, f"{_PAGE}/{created_id}")
    if shown is None:
        return render_page(request, "settings/no_longer_shown.html")
    return render_page(request, _TEMPLATES[shown.kind], shown=shown)


def _read(request: PageRequest, path: str) -> ShownOnce | None:
    encoded = request.cookies.get(_COOKIE)
    if not encoded:
        return None
    try:
        sealed = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        return msgspec.json.decode(
            runtime_of(request).vault.open(sealed, _context(request, path)), type=ShownOnce
        )
    except (binascii.Error, ValueError, BreakwaterError, msgspec.DecodeError):
        return None


def _context(request: PageRequest, path: str) -> str:
    """Return what a sealed secret is bound to: its page and the session that created it."""
    return f"{path} {session_token(request) or ''}"


HANDLERS: Final = [created]
