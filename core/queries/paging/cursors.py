"""Cursors: the start of the next page of a list, opaque to callers, valid for a limited time."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from breakwater.core.domain.errors import InvalidInput

CURSOR_SECONDS: Final = 24 * 3600.0
"""Seconds that a cursor is valid; older positions can be pruned."""
_VERSION: Final = 1
_ID: Final = re.compile(r"[a-z]{2,8}_[0-9a-z]{1,40}")
_MAX_LENGTH: Final = 200
_MAX_NUMBER: Final = 2**53
_CLOCK_SLACK: Final = 300.0
"""Seconds by which the clock of another node that issued a cursor may be ahead."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The list continues after `last_id`: with the ids below it, unless it is sorted by further keys."""

    last_id: str
    issued_at: float
    keys: tuple[int, ...] = ()
    """The values of the sort keys that precede the id."""

    def __str__(self) -> str:
        place = [_VERSION, self.last_id, round(self.issued_at), *self.keys]
        parts = json.dumps(place, separators=(",", ":"))
        return base64.urlsafe_b64encode(parts.encode()).decode().rstrip("=")


def read_cursor(text: str | None, prefix: str, now: float) -> str | None:
    """Return the id below which the list continues; None for the first page.

    Raises InvalidInput naming `cursor` when it is malformed, belongs to another list than that of `prefix`, or is older
    than a day.
    """
    place = read_place(text, prefix, now)
    return None if place is None else place.last_id


def read_place(text: str | None, prefix: str, now: float, *, keys: int = 0) -> Cursor | None:
    """Return the cursor of a list that is sorted by this number of `keys` before the id. Raises like `read_cursor`."""
    if not text:
        return None
    cursor = _decode(text) if len(text) <= _MAX_LENGTH else refuse_cursor("malformed")
    if not cursor.last_id.startswith(f"{prefix}_"):
        refuse_cursor("from another list")
    if len(cursor.keys) != keys or cursor.issued_at > now + _CLOCK_SLACK:
        refuse_cursor("malformed")
    if now - cursor.issued_at > CURSOR_SECONDS:
        refuse_cursor("expired after 24 hours")
    return cursor


def _decode(text: str) -> Cursor:
    try:
        padded = text + "=" * (-len(text) % 4)
        version, last_id, issued_at, *keys = json.loads(
            base64.b64decode(padded, altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError, TypeError, RecursionError):
        refuse_cursor("malformed")
    if version != _VERSION or not isinstance(last_id, str) or not _ID.fullmatch(last_id):
        refuse_cursor("malformed")
    if not all(_is_number(value) for value in (issued_at, *keys)):
        refuse_cursor("malformed")
    return Cursor(last_id, float(issued_at), tuple(keys))


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER


def refuse_cursor(reason: str) -> NoReturn:
    """Raise InvalidInput for a cursor that does not lead to a page."""
    raise InvalidInput.of("cursor", f"This page link is no longer valid ({reason}). Go to the newest.")
