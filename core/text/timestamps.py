"""Timestamps as people write them in a filter: a date and time, or how long ago."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MAX_SECONDS: Final = 3660 * 86400
_RELATIVE: Final = re.compile(r"(?P<count>\d{1,9})(?P<unit>[a-z]*)", re.IGNORECASE)
_FORM: Final = "0000-00-00T00:00:00.000000"
_DATE_LENGTH: Final = 10
_SHOWN: Final = 40
"""Characters of a text that an error repeats."""
_FIRST_YEAR, _LAST_YEAR = 2, 9998
"""One year from either end of what `datetime` can express: in another zone the year must still exist."""
_REMEDY: Final = "Use a time such as 2026-11-22T03:12Z, or 15m, 24h or 7d for how long ago."


class TimestampError(ValueError):
    """A text is not a timestamp: the message says why and what to write, `position` (from 1) where it goes wrong."""

    def __init__(self, message: str, position: int = 1) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class RelativeTime:
    """A number of seconds before the present, whenever that is."""

    seconds: int

    def __str__(self) -> str:
        name, size = next((n, s) for n, s in reversed(_UNITS.items()) if self.seconds % s == 0)
        return f"{self.seconds // size}{name}"


Timestamp = float | RelativeTime
"""Seconds since the epoch, or a time relative to the present."""


def parse_timestamp(text: str) -> Timestamp:
    """Parse a date and time (UTC unless it has an offset), or how long ago. Raises TimestampError."""
    if match := _RELATIVE.fullmatch(text):
        return _relative_time(match)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        position = _mismatch_at(text)
        where = f" (position {position})" if position > 1 else ""
        raise TimestampError(f'"{text[:_SHOWN]}" isn\'t a time{where}. {_REMEDY}', position) from None
    if not _FIRST_YEAR <= parsed.year <= _LAST_YEAR:
        raise TimestampError(
            f'"{text[:_SHOWN]}" is out of range. Use a year from {_FIRST_YEAR} to {_LAST_YEAR}.'
        )
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return aware.timestamp()


def _relative_time(match: re.Match[str]) -> RelativeTime:
    size = _UNITS.get(match["unit"].lower())
    if size is None:
        problem = f'Unknown unit in "{match[0][:_SHOWN]}"' if match["unit"] else f'"{match[0]}" has no unit'
        raise TimestampError(f"{problem}. Use s, m, h, d or w, as in 15m.", match.start("unit") + 1)
    seconds = int(match["count"]) * size
    if not 0 < seconds <= _MAX_SECONDS:
        raise TimestampError(f'"{match[0]}" is out of range. Use more than zero and at most ten years.')
    return RelativeTime(seconds)


def _mismatch_at(text: str) -> int:
    """Return where `text` first departs from the form of a date and time; 1 when only its values are impossible."""
    for position, (character, form) in enumerate(zip(text, _FORM, strict=False), start=1):
        if not (character.isdigit() if form == "0" else character == form):
            return position
    return len(text) + 1 if len(text) < _DATE_LENGTH else 1


def format_timestamp(timestamp: Timestamp) -> str:
    """Return the text that `parse_timestamp` reads back, to the millisecond."""
    return str(timestamp) if isinstance(timestamp, RelativeTime) else iso(timestamp)


def resolve(timestamp: Timestamp, now: float) -> float:
    """Return the seconds since the epoch that `timestamp` means at `now`."""
    return now - timestamp.seconds if isinstance(timestamp, RelativeTime) else timestamp


def iso(at: float) -> str:
    """Return `2026-11-22T03:12:07.123Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
