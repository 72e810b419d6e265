"""Output of the command line: tables for people and JSON for programs. Both escape control characters."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from breakwater.core.logs import clean_text

_COLOURS: Final = {
    "delivered": "green",
    "closed": "green",
    "enabled": "green",
    "failed": "red",
    "open": "red",
    "disabled": "red",
    "half_open": "yellow",
    "held": "yellow",
    "paused": "yellow",
    "pending": "cyan",
    "in_flight": "cyan",
}
"""Colours are used for states only."""


def console(*, errors: bool = False) -> Console:
    """Return a console on stdout or stderr. It is 200 columns wide when it is not a terminal."""
    stream = sys.stderr if errors else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 200, highlight=False, markup=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print rows under their columns, or the sentence `empty` when there are none."""
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(cell(value) for value in row))
    if grid.row_count:
        console().print(grid)
    else:
        console().print(Text(empty))


def cell(value: object) -> Text:
    """Return a value as text with control characters escaped, and a state in its colour."""
    if value is None:
        return Text("-", style="dim")
    text = clean_text(str(value))
    return Text(text, style=_COLOURS.get(text, ""))


def line(text: str) -> None:
    """Print one sentence with control characters escaped."""
    console().print(Text(clean_text(text)))


def as_json(value: Any) -> None:
    """Print JSON in ASCII, so that no control character reaches a terminal."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def short_time(iso: str | None) -> str | None:
    """Return `2026-11-22T03:12:07.123Z` as local `11-22 03:12:07`; other text is returned unchanged."""
    if iso is None:
        return None
    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%m-%d %H:%M:%S")
    except ValueError:
        return iso
