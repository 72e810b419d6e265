"""A form that came after its session had ended: nothing is done, and nothing that was typed into it is lost.

It goes along in the page that says so, through the signing in, and is shown again: whoever signed in sends it or not.
Only what our own pages sent is kept, never a token or a secret, and nothing of it is stored, logged or put in a URL.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from litestar import Request

from breakwater.core.domain.errors import Forbidden
from breakwater.web.security.cookies import Connection
from breakwater.web.security.origin import CSRF_FIELD, check_same_origin

MOST_BYTES: Final = 64 * 1024
"""Of a form, as many as forms may have."""
_MOST_FIELDS: Final = 200
_TYPE: Final = "application/x-www-form-urlencoded"
_SECRET: Final = frozenset({"secret", "password", "code"})
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_.]{0,60}", re.ASCII)
"""As fields of our forms are called."""
_STATE: Final = "kept_form"

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class KeptForm:
    """Where a form was sent, and what was typed into it."""

    path: str
    fields: Fields
    missing: tuple[str, ...]
    """Secrets that were typed: they are not given back, and have to be typed again."""
    had_token: bool = False
    """Whether it came with the token of a session, as every form of ours does."""

    @classmethod
    def read(cls, path: str, encoded: str) -> "KeptForm | None":
        """Read a form as browsers send it; None for what no form of ours is."""
        try:
            sent = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
        except ValueError:
            return None
        pairs = [(name, value.replace("\r\n", "\n")) for name, value in sent]
        if any("\0" in value or not _NAME.fullmatch(name) for name, value in pairs):
            return None
        fields = tuple(pair for pair in pairs if pair[0] not in _SECRET and pair[0] != CSRF_FIELD)
        missing = tuple(dict.fromkeys(name for name, value in pairs if name in _SECRET and value))
        return cls(path, fields, missing, any(name == CSRF_FIELD and value for name, value in pairs))

    @property
    def typed(self) -> Fields:
        """Return the fields that say something."""
        return tuple((name, value) for name, value in self.fields if value)

    def __bool__(self) -> bool:
        """Whether there is anything to lose."""
        return bool(self.typed or self.missing)

    @property
    def encoded(self) -> str:
        """Return what `read` reads back, for one hidden field. Of a secret only that there was one goes along."""
        return urlencode([*self.fields, *((name, "-") for name in self.missing)])


async def keep(connection: Connection) -> None:
    """Keep the form of a request that is about to be refused, if one of our own pages sent it."""
    # Guards are given the request itself, of which their signature only tells the connection.
    request = cast("Request[Any, Any, Any]", connection)
    if not _is_form(request.headers):
        return
    try:
        check_same_origin(connection)
    except Forbidden:
        return
    body = (await request.body()).decode("latin-1")
    if (form := KeptForm.read(connection.scope["path"], body)) is not None:
        connection.scope["state"][_STATE] = form


def kept(connection: Connection) -> KeptForm | None:
    """Return the form that was kept of this request."""
    return cast("KeptForm | None", connection.scope["state"].get(_STATE))


def sent_from(connection: Connection) -> str | None:
    """Return the path of the page of ours that the form was on, if the browser says so."""
    page = urlsplit(connection.headers.get("referer", ""))
    if page.netloc != connection.headers.get("host"):
        return None
    return f"{page.path}?{page.query}" if page.query else page.path


def _is_form(headers: Mapping[str, str]) -> bool:
    length = headers.get("content-length", "")
    small = length.isascii() and length.isdigit() and int(length) <= MOST_BYTES
    return small and headers.get("content-type", "").partition(";")[0].strip().lower() == _TYPE
