"""CSV downloads. They contain untrusted text, which must not run in a browser or in a spreadsheet."""

import csv
import io
import unicodedata
from collections.abc import AsyncIterator, Iterable
from typing import Final

from litestar.response import Stream

from breakwater.web.pages.words import visible

_FORMULA_STARTS: Final = frozenset("=+-@\N{MINUS SIGN}")
"""A spreadsheet evaluates a cell that starts with one of these as a formula."""


def cell(text: str) -> str:
    """Return `text` as a cell that no spreadsheet evaluates, with invisible characters escaped."""
    return f"'{visible(text)}" if _may_be_formula(text) else visible(text)


def _may_be_formula(text: str) -> bool:
    """Return whether a spreadsheet may read `text` as a formula.

    Some skip white space in front, and some read full-width and small variants of the operators as the operators.
    """
    first = text[:1]
    return first.isspace() or not _FORMULA_STARTS.isdisjoint(unicodedata.normalize("NFKC", first))


def csv_of(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV. All cells are quoted, because some locales also separate cells by semicolons."""
    output = io.StringIO()
    csv.writer(output, quoting=csv.QUOTE_ALL).writerows([cell(str(value)) for value in row] for row in rows)
    return output.getvalue()


def download(name: str, parts: AsyncIterator[str]) -> Stream:
    """Stream a file that a browser saves instead of showing. Every response of the service also has nosniff."""
    return Stream(
        parts,
        media_type="text/plain",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
