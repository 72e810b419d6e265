"""Preserve the form of a request whose session has ended, so that its text is not lost.

The form travels in the sign-in page and is shown again after the sign-in; its sender decides whether to send it. Only
forms that a page of this service sent are preserved, without tokens and secrets. They are never stored, logged or put
into a URL.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from litestar import Request

from breakwater.core.domain.errors import Forbidden
from breakwater.core.text.credentials import MASK, is_credential
from breakwater.web.security.cookies import Connection
from breakwater.web.security.csrf import CSRF_FIELD, FORM_ID_FIELD
from breakwater.web.security.origin import check_same_origin

MAX_BYTES: Final = 64 * 1024
"""Bytes of a form: the limit of every form of the service."""
_MAX_FIELDS: Final = 200
_TYPE: Final = "application/x-www-form-urlencoded"
_SIGN_IN_CODE: Final = "code"
_HEADERS: Final = "headers"
_PUBLIC_HEADERS: Final = "public_headers"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_.]{0,60}", re.ASCII)
"""The names of fields in forms of this service."""
_STATE: Final = "preserved_form"

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PreservedForm:
    """The path and the fields of a form that was not processed."""

    path: str
    fields: Fields
    missing: tuple[str, ...]
    """Secret fields that had a value. The value is dropped and has to be typed again."""
    had_token: bool = False
    """Whether the form carried a CSRF token, as every form of this service does."""

    @classmethod
    def read(cls, path: str, encoded: str) -> "PreservedForm | None":
        """Read a form in the browser's encoding; return None when it cannot be a form of this service."""
        try:
            sent = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
        except ValueError:
            return None
        pairs = [(name, value.replace("\r\n", "\n")) for name, value in sent if name != FORM_ID_FIELD]
        if any("\0" in value or not _NAME.fullmatch(name) for name, value in pairs):
            return None
        public = dict(pairs).get(_PUBLIC_HEADERS, "")
        fields = tuple((name, value) for name, value in pairs if not _is_secret(name, value, public))
        secrets = dict.fromkeys(name for name, value in pairs if value and _is_secret(name, value, public))
        missing = tuple(name for name in secrets if name != CSRF_FIELD)
        return cls(path, fields, missing, had_token=CSRF_FIELD in secrets)

    @property
    def typed(self) -> Fields:
        """Return the fields that have a value."""
        return tuple((name, value) for name, value in self.fields if value)

    def __bool__(self) -> bool:
        """Return whether the form contains anything that could be lost."""
        return bool(self.typed or self.missing)

    @property
    def encoded(self) -> str:
        """Return the form for one hidden field, as `read` reads it. A secret is only marked as present."""
        return urlencode([*self.fields, *((name, "-") for name in self.missing)])


async def preserve(connection: Connection) -> None:
    """Preserve the form of a request that is about to be refused, if a page of this service sent it."""
    # Litestar passes the request itself to guards; only their signature says connection.
    request = cast("Request[Any, Any, Any]", connection)
    if not _is_form(request.headers):
        return
    try:
        check_same_origin(connection)
    except Forbidden:
        return
    body = (await request.body()).decode("latin-1")
    if (form := PreservedForm.read(connection.scope["path"], body)) is not None:
        connection.scope["state"][_STATE] = form


def preserved_form(connection: Connection) -> PreservedForm | None:
    """Return the form that was preserved from this request."""
    return cast("PreservedForm | None", connection.scope["state"].get(_STATE))


def sent_from(connection: Connection) -> str | None:
    """Return the path of the page of this service that the form was on, if the browser reports it."""
    page = urlsplit(connection.headers.get("referer", ""))
    if page.netloc != connection.headers.get("host"):
        return None
    return f"{page.path}?{page.query}" if page.query else page.path


def _is_secret(field: str, value: str, public_headers: str) -> bool:
    if field == _HEADERS:
        return _has_secret_header(value, public_headers.lower().split())
    return field == _SIGN_IN_CODE or is_credential(field)


def _has_secret_header(text: str, public: Collection[str]) -> bool:
    """Return whether a line of an endpoint's custom headers has a value that must not be preserved."""
    lines = [line.partition(":") for line in text.splitlines() if line.strip()]
    return any(value.strip() != MASK and name.strip().lower() not in public for name, _, value in lines)


def _is_form(headers: Mapping[str, str]) -> bool:
    length = headers.get("content-length", "")
    small = length.isascii() and length.isdigit() and int(length) <= MAX_BYTES
    return small and headers.get("content-type", "").partition(";")[0].strip().lower() == _TYPE
