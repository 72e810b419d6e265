"""Format times, durations, counts, people and untrusted text for sentences.

Sentences use absolute times, never "in 28 s", because they are read long after they were built.
"""

import unicodedata
from datetime import UTC
from typing import Final

from breakwater.core.text.zones import format_time

_MAX_QUOTE_LENGTH: Final = 160
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def format_time_utc(at: float, now: float | None = None) -> str:
    """Return `03:12:07 UTC`, with the date in front unless it is the date of `now`."""
    return format_time(at, now, UTC)


def format_duration(seconds: float) -> str:
    """Return a duration with two units at most: `340 ms`, `4.2 s`, `3 min 20 s`, `28 h`, `2 d 4 h`."""
    if round(seconds * 1000) < 1000:  # noqa: PLR2004 - milliseconds of a second
        return f"{max(0, round(seconds * 1000))} ms"
    if round(seconds * 10) < _MINUTE * 10:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    for big, small, big_name, small_name in _UNITS:
        rounded = round(seconds / small) * small
        if rounded < big * _LIMITS[big_name]:
            count, rest = divmod(rounded, big)
            return f"{count} {big_name}" + (f" {rest // small} {small_name}" if rest else "")
    return f"{round(seconds / _DAY)} d"


_UNITS: Final = ((_MINUTE, 1, "min", "s"), (_HOUR, _MINUTE, "h", "min"), (_DAY, _HOUR, "d", "h"))
_LIMITS: Final = {"min": 60, "h": 48, "d": 14}


def pluralize(number: int, noun: str, plural: str | None = None, *, more: bool = False) -> str:
    """Return `1 delivery`, `312 deliveries`; `10,000+ deliveries` with `more`."""
    many = plural or (f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s")
    return f"{number:,}{'+' if more else ''} {noun if number == 1 and not more else many}"


def join_names(names: list[str], limit: int = 3) -> str:
    """Return `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`."""
    listed, more = names[:limit], len(names) - limit
    if more > 0:
        return f"{', '.join(listed)} and {more:,} more"
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)


def format_actor(actor: str) -> str:
    """Return a person's name, `the key ci`, or `Breakwater`."""
    kind, _, name = actor.partition(":")
    match kind:
        case "person":
            return sanitize(name)
        case "key":
            return f"the key {sanitize(name)}"
        case _:
            return "Breakwater" if actor == "breakwater" else sanitize(actor)


def sanitize(text: str, max_length: int = _MAX_QUOTE_LENGTH) -> str:
    """Return untrusted text for a sentence: one line, without control characters, at most `max_length` characters."""
    clean = text[: max_length * 4]
    if not clean.isprintable():  # printable text has no white space but spaces, and no controls
        clean = "".join(" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in clean)
    short = " ".join(clean.split())
    return short if len(short) <= max_length else f"{short[: max_length - 1].rstrip()}…"


def reason_in_brackets(reason: str | None) -> str:
    """Return ` (reason)`, or nothing without one."""
    return f" ({sanitize(reason)})" if reason else ""
