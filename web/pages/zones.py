"""The time zone that a browser's reader has chosen: from a cookie, from the list of IANA's names, and nothing else."""

import re
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from litestar.connection import ASGIConnection

from breakwater.core.text.zones import reader_zone, reading_in
from breakwater.web.security.middleware import App, Receive, Scope, Send

COOKIE: Final = "zone"
UTC_NAME: Final = "UTC"
_NOT_NAMES: Final = frozenset({"Factory", "localtime", "posixrules"})
"""Files beside the zones, which mean another zone on every machine."""
_PLACES: Final = frozenset(
    {
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    }
)
"""Where the zones are that people live in; the others are older names of these, and offsets."""
_WRITTEN_OUT: Final = re.compile(r"\d{4}-")
"""How a date begins; digits alone are how long ago."""
_MILLI: Final = 1_000


@cache
def names() -> frozenset[str]:
    """Return every name of a zone. The first call reads the whole database, which takes a tenth of a second."""
    return frozenset(available_timezones()) - _NOT_NAMES


@cache
def offered() -> dict[str, tuple[str, ...]]:
    """Return the names to choose from by the part of the world that they are in."""
    found: dict[str, list[str]] = {}
    for name in sorted(names()):
        place = name.partition("/")[0]
        if place in _PLACES:
            found.setdefault(place, []).append(name)
    return {place: tuple(within) for place, within in found.items()}


def zone_called(name: str | None) -> tzinfo:
    """Return the zone of that name; UTC for none, and for what is no name of one."""
    if not name or name == UTC_NAME or name not in names():
        return UTC
    return ZoneInfo(name)  # which keeps those that it has read


def exactly(moment: datetime) -> str:
    """Return a moment as a filter takes it, as short as it can be: `2026-11-22T04:00+01:00`, `2026-11-22T03:00Z`."""
    precision = "milliseconds" if moment.microsecond >= _MILLI else "seconds" if moment.second else "minutes"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def in_reader_zone(text: str) -> str:
    """Return a date and time with the offset of the reader's zone, if it says none; what is no date as it is.

    A link means the same to everybody, whatever zone they read in. What was typed did not say it; the page does.
    """
    try:
        typed = datetime.fromisoformat(text) if _WRITTEN_OUT.match(text) else None
    except ValueError:
        return text
    if typed is None or typed.tzinfo is not None:
        return text
    return exactly(typed.replace(tzinfo=reader_zone()))


class InReaderZone:
    """Stands before the pages: what they show is in the zone of their reader. What programs ask for stays in UTC."""

    def __init__(self, app: App, for_programs: tuple[str, ...]) -> None:
        """`for_programs` is how the paths begin that are not read by people."""
        self._app = app
        self._for_programs = for_programs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        with reading_in(self._zone_of(scope)):
            await self._app(scope, receive, send)

    def _zone_of(self, scope: Scope) -> tzinfo:
        if scope["type"] != "http" or scope["path"].startswith(self._for_programs):
            return UTC
        return zone_called(ASGIConnection[Any, Any, Any, Any](scope).cookies.get(COOKIE))
