"""Where the next page of a list begins: opaque to whoever carries it, and not for keeps."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from core.domain.errors import InvalidInput

CURSOR_SECONDS: Final = 24 * 3600.0
"""How long a cursor is good: what it points at may be pruned, and a list read over days is no list of anything."""
_VERSION: Final = 1
_ID: Final = re.compile(r"[a-z]{2,8}_[0-9a-z]{1,40}")
_LONGEST: Final = 200
_CLOCK_SLACK: Final = 300.0
"""Seconds by which the clock of another node that issued a cursor may be ahead."""
_REMEDY: Final = "start again without a cursor"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The list goes on with the ids below `last_id`."""

    last_id: str
    issued_at: float

    def __str__(self) -> str:
        parts = json.dumps([_VERSION, self.last_id, round(self.issued_at)], separators=(",", ":"))
        return base64.urlsafe_b64encode(parts.encode()).decode().rstrip("=")


def read_cursor(text: str | None, prefix: str, now: float) -> str | None:
    """Return the id that the list goes on below; None for the first page.

    Raises InvalidInput naming `cursor` when it is malformed, belongs to another list than that of `prefix`, or is older
    than a day.
    """
    if not text:
        return None
    cursor = _decode(text) if len(text) <= _LONGEST else _refuse("is malformed")
    if not cursor.last_id.startswith(f"{prefix}_"):
        _refuse("belongs to another list")
    if cursor.issued_at > now + _CLOCK_SLACK:
        _refuse("is malformed")
    if now - cursor.issued_at > CURSOR_SECONDS:
        _refuse("has expired after 24 hours")
    return cursor.last_id


def _decode(text: str) -> Cursor:
    try:
        padded = text + "=" * (-len(text) % 4)
        version, last_id, issued_at = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        _refuse("is malformed")
    if version != _VERSION or not isinstance(last_id, str) or not _ID.fullmatch(last_id):
        _refuse("is malformed")
    if isinstance(issued_at, bool) or not isinstance(issued_at, int):
        _refuse("is malformed")
    return Cursor(last_id, float(issued_at))


def _refuse(what: str) -> NoReturn:
    raise InvalidInput.of("cursor", f"{what}: {_REMEDY}")
