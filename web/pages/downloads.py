"""Files to take away. What others wrote is in them: nothing in them may run, in a browser or in a spreadsheet."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Final

from litestar.response import Stream

from breakwater.web.pages.words import visible

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""With these a cell begins that a spreadsheet would work out instead of showing."""


def cell(text: str) -> str:
    """Return `text` as a cell that every spreadsheet takes for text, with what cannot be seen written out."""
    return f"'{visible(text)}" if text.startswith(_FORMULA) else visible(text)


def csv_of(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV, every cell in quotes: a semicolon separates cells too where the decimal point is a comma."""
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([cell(str(value)) for value in row] for row in rows)
    return written.getvalue()


def download(name: str, parts: AsyncIterator[str]) -> Stream:
    """Return a file that a browser saves and never shows, sent as it is made; nosniff comes with every answer."""
    return Stream(
        parts,
        media_type="text/plain",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
