"""The zone in which times are shown: UTC, unless somebody who chose another one reads a page.

It is that of the context, as a sentence is made far from the page that shows it. What is kept, sent or logged names its
times in UTC, for every reader: audit entries, the API, exports.
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
    """Show times in `zone` while the context lasts, in this task and those that it starts."""
    before = _ZONE.set(zone)
    try:
        yield
    finally:
        _ZONE.reset(before)


def reader_zone() -> tzinfo:
    """Return the zone in which times are shown just now."""
    return _ZONE.get()


def zone_key() -> str:
    """Return its name: `Europe/Berlin`, `UTC`."""
    zone = reader_zone()
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"


def reader_time(at: float) -> datetime:
    """Return a moment, in seconds since the epoch, as the reader's clock shows it."""
    return datetime.fromtimestamp(at, reader_zone())


def offset_name(moment: datetime) -> str:
    """Return what a clock's time is called at `moment`: `UTC`, `CET`, `UTC-03` where it has no letters of its own."""
    name = moment.tzname() or "UTC"
    return f"UTC{name}" if name[0] in "+-" else name


def zone_at(at: float) -> str:
    """Return what the reader's time is called at a moment: `UTC`, in winter `CET`, in summer `CEST`."""
    return offset_name(reader_time(at))


def format_time(at: float, now: float | None = None, zone: tzinfo | None = None) -> str:
    """Return `03:12:07 UTC`, with the date in front unless it is that of `now`; both in seconds since the epoch.

    Without a `zone` it is what the reader's clock shows.
    """
    shown = zone or reader_zone()
    moment = datetime.fromtimestamp(at, shown)
    same_day = now is not None and moment.date() == datetime.fromtimestamp(now, shown).date()
    return f"{moment:{'%H:%M:%S' if same_day else '%Y-%m-%d %H:%M:%S'}} {offset_name(moment)}"
