"""The time zone in which times are shown: UTC, or the zone that the reader of a page has chosen.

The zone is part of the context, because a sentence is made far from the page that shows it. Everything that is stored,
sent or logged has its times in UTC: audit entries, the API, exports.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

_ZONE: Final[ContextVar[tzinfo]] = ContextVar("zone of the reader", default=UTC)


@contextmanager
def reading_in(zone: tzinfo) -> Iterator[None]:
    """Show times in `zone` inside this context, in this task and in the tasks that it starts."""
    before = _ZONE.set(zone)
    try:
        yield
    finally:
        _ZONE.reset(before)


def reader_zone() -> tzinfo:
    """Return the zone in which times are shown in this context."""
    return _ZONE.get()


def zone_key() -> str:
    """Return the name of the reader's zone: `Europe/Berlin`, `UTC`."""
    zone = reader_zone()
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"


def reader_time(at: float) -> datetime:
    """Convert seconds since the epoch to the reader's zone."""
    return datetime.fromtimestamp(at, reader_zone())


def offset_name(time: datetime) -> str:
    """Return the abbreviation of a zone at `time`: `UTC`, `CET`, or `UTC-03` where it has no letters."""
    name = time.tzname() or "UTC"
    return f"UTC{name}" if name[0] in "+-" else name


def zone_at(at: float) -> str:
    """Return the abbreviation of the reader's zone at a time: `UTC`, `CET` in winter, `CEST` in summer."""
    return offset_name(reader_time(at))


def format_time(at: float, now: float | None = None, zone: tzinfo | None = None) -> str:
    """Return `03:12:07 UTC`, with the date in front unless it is that of `now`; both in seconds since the epoch.

    The zone is the reader's unless one is given.
    """
    zone = zone or reader_zone()
    time = datetime.fromtimestamp(at, zone)
    same_day = now is not None and time.date() == datetime.fromtimestamp(now, zone).date()
    return f"{time:{'%H:%M:%S' if same_day else '%Y-%m-%d %H:%M:%S'}} {offset_name(time)}"


def format_time_range(begin: float, end: float, now: float) -> str:
    """Return `03:12:07 until 04:00:00 UTC` as the reader's clock shows it, each with its date unless that is today's.

    The zone is named once, unless summer time begins or ends in between.
    """
    first, last = format_time(begin, now), format_time(end, now)
    zone = f" {zone_at(end)}"
    return f"{first.removesuffix(zone)} until {last}"
