"""Points in time as people write them in a filter: a date and time, or how long ago."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST: Final = 3660 * 86400
_RELATIVE: Final = re.compile(r"(?P<count>\d{1,9})(?P<unit>[a-z]*)", re.IGNORECASE)
_FORM: Final = "0000-00-00T00:00:00.000000"
_DATE_LENGTH: Final = 10
_FIRST_YEAR, _LAST_YEAR = 2, 9998
"""A year from either end of what can be said at all: in another zone a moment must still be in a year that there is."""
EXPECTED: Final = "a time such as 2026-11-22T03:12Z, or how long ago, such as 15m, 24h or 7d"


class MomentError(ValueError):
    """A text that names no moment: `position` (from 1) is where it stops making sense, `remedy` what was expected."""

    def __init__(self, position: int, remedy: str) -> None:
        self.position = position
        self.remedy = remedy
        super().__init__(position, remedy)


@dataclass(frozen=True, slots=True)
class RelativeTime:
    """So many seconds before whatever is now when it is asked."""

    seconds: int

    def __str__(self) -> str:
        name, size = next((n, s) for n, s in reversed(_UNITS.items()) if self.seconds % s == 0)
        return f"{self.seconds // size}{name}"


Timestamp = float | RelativeTime
"""Seconds since the epoch, or a time that moves along with the present."""


def parse_moment(text: str) -> Timestamp:
    """Return what `text` names. A date without a zone is UTC. Raises MomentError."""
    if match := _RELATIVE.fullmatch(text):
        return _ago(match)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MomentError(_broken_at(text), f"expected {EXPECTED}") from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise MomentError(1, f"expected a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp()


def _ago(match: re.Match[str]) -> RelativeTime:
    size = _UNITS.get(match["unit"].lower())
    if size is None:
        raise MomentError(
            match.start("unit") + 1, "expected one of the units s, m, h, d or w after the number"
        )
    seconds = int(match["count"]) * size
    if not 0 < seconds <= _LONGEST:
        raise MomentError(1, "expected more than nothing and at most ten years")
    return RelativeTime(seconds)


def _broken_at(text: str) -> int:
    """Return where `text` first departs from the form of a date and time; 1 when only its values are impossible."""
    for position, (given, wanted) in enumerate(zip(text, _FORM, strict=False), start=1):
        if not (given.isdigit() if wanted == "0" else given == wanted):
            return position
    return len(text) + 1 if len(text) < _DATE_LENGTH else 1


def moment_text(moment: Timestamp) -> str:
    """Return the text that `parse_moment` reads back as `moment`, to the millisecond."""
    return str(moment) if isinstance(moment, RelativeTime) else iso(moment)


def resolve(moment: Timestamp, now: float) -> float:
    """Return the seconds since the epoch that `moment` means at `now`."""
    return now - moment.seconds if isinstance(moment, RelativeTime) else moment


def iso(at: float) -> str:
    """Return `2026-11-22T03:12:07.123Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
