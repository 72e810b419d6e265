"""The time zone of the reader: a cookie with a name from the IANA time zone database."""

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
"""Files of the database that mean another zone on every machine."""
_REGIONS: Final = frozenset(
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
"""Regions that the list offers. The other names are aliases and fixed offsets."""
_DATE_START: Final = re.compile(r"\d{4}-")
"""The start of a date. Digits without a hyphen are a duration."""
_MILLI: Final = 1_000


@cache
def names() -> frozenset[str]:
    """Return all names of zones. The first call reads the whole database."""
    return frozenset(available_timezones()) - _NOT_NAMES


@cache
def offered() -> dict[str, tuple[str, ...]]:
    """Return the names that the list offers, by region."""
    by_region: dict[str, list[str]] = {}
    for name in sorted(names()):
        region = name.partition("/")[0]
        if region in _REGIONS:
            by_region.setdefault(region, []).append(name)
    return {region: tuple(in_region) for region, in_region in by_region.items()}


def zone_named(name: str | None) -> tzinfo:
    """Return the zone of that name; UTC for None and for an unknown name."""
    if not name or name == UTC_NAME or name not in names():
        return UTC
    return ZoneInfo(name)  # cached by ZoneInfo


def exactly(moment: datetime) -> str:
    """Return a time in the shortest form that a filter accepts: `2026-11-22T04:00+01:00`, `2026-11-22T03:00Z`."""
    precision = "milliseconds" if moment.microsecond >= _MILLI else "seconds" if moment.second else "minutes"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def with_reader_offset(text: str) -> str:
    """Return a date and time with the UTC offset of the reader's zone if it has none; any other text unchanged.

    With the offset a link means the same time in every zone.
    """
    try:
        moment = datetime.fromisoformat(text) if _DATE_START.match(text) else None
    except ValueError:
        return text
    if moment is None or moment.tzinfo is not None:
        return text
    return exactly(moment.replace(tzinfo=reader_zone()))


class InReaderZone:
    """Middleware that shows times in the zone of the reader on pages, and in UTC to programs."""

    def __init__(self, app: App, utc_paths: tuple[str, ...]) -> None:
        """`utc_paths` are the prefixes of paths whose times stay in UTC."""
        self._app = app
        self._utc_paths = utc_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        with reading_in(self._zone_of(scope)):
            await self._app(scope, receive, send)

    def _zone_of(self, scope: Scope) -> tzinfo:
        if scope["type"] != "http" or scope["path"].startswith(self._utc_paths):
            return UTC
        return zone_named(ASGIConnection[Any, Any, Any, Any](scope).cookies.get(COOKIE))
