"""How the command line shows things: tables for people, JSON for programs, and hostile text made harmless in both."""

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
"""Colour means state and nothing else."""


def console(*, errors: bool = False) -> Console:
    """Return a console on stdout, or stderr; wide enough for scripts when it is no terminal."""
    stream = sys.stderr if errors else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 200, highlight=False, markup=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print rows under their columns, or the sentence for none."""
    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(cell(value) for value in row))
    if shown.row_count:
        console().print(shown)
    else:
        console().print(Text(empty))


def cell(value: object) -> Text:
    """Return a value as text without control characters, states in their colour."""
    if value is None:
        return Text("-", style="dim")
    text = clean_text(str(value))
    return Text(text, style=_COLOURS.get(text, ""))


def line(text: str) -> None:
    """Print one sentence, control characters written out."""
    console().print(Text(clean_text(text)))


def as_json(value: Any) -> None:
    """Print JSON for a program; ASCII, so that nothing in it reaches a terminal raw."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def short_time(iso: str | None) -> str | None:
    """Return `2026-11-22T03:12:07.123Z` as local `11-22 03:12:07`; as it is when it is no time."""
    if iso is None:
        return None
    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%m-%d %H:%M:%S")
    except ValueError:
        return iso
