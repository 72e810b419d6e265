"""Audit: who did what, to what, why, and what came of it; as a page, and as a file to take away."""

import json
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlencode

from litestar import get
from litestar.response import Stream, Template

from breakwater.core.domain.errors import FieldProblem, InvalidInput
from breakwater.core.queries.audit import AuditView
from breakwater.core.queries.paging.model import Page
from breakwater.core.text.timestamps import iso
from breakwater.web.pages.downloads import csv_of, download
from breakwater.web.pages.reply import PageRequest, render_page, runtime_of
from breakwater.web.pages.words import ACTIONS
from breakwater.web.security.guards import requires

FILTERS: Final = ("actor", "action", "subject")
MOST_EXPORTED: Final = 10_000
"""Entries in a file: more would hold up the pages of everybody else."""
_MOST_READS: Final = 100
"""Each reads 200 entries, or looks through 20,000 for the few that match."""
_HEADER: Final = ("at", "actor", "action", "subject", "reason", "outcome", "affected", "detail")
NOTHING: Final[Page[AuditView]] = Page((), None)


@get("/audit", guards=[requires("read")], include_in_schema=False)
async def audit(request: PageRequest) -> Template:
    """List audit entries, newest first. They do not change, so the page is not live."""
    given = _given(request)
    cursor = request.query_params.get("cursor") or None
    problems: tuple[FieldProblem, ...] = ()
    try:
        found = await _read(request, given, cursor)
    except InvalidInput as invalid:
        found, problems = NOTHING, invalid.problems
    return render_page(
        request,
        "audit/list.html",
        found=found,
        values={name: given.get(name, "") for name in FILTERS},
        given=given,
        actions=ACTIONS,
        problems=problems,
        older=urlencode({**given, "cursor": found.next_cursor}) if found.next_cursor else None,
        export=f"/audit.csv?{urlencode(given)}" if given else "/audit.csv",
        most_exported=MOST_EXPORTED,
        cursor=cursor,
    )


@get("/audit.csv", guards=[requires("read")], include_in_schema=False)
async def export(request: PageRequest) -> Stream:
    """Return the newest entries that match, as CSV. Where there are more of them, its last line says so."""
    given = _given(request)
    # Read before the file begins: a filter that is not in order is an answer, not half a file.
    newest = await _read(request, given, None, limit=200)
    return download("audit.csv", _file(request, given, newest))


async def _file(request: PageRequest, given: dict[str, str], found: Page[AuditView]) -> AsyncIterator[str]:
    """Yield the file a read at a time, so that nobody else's page waits for all of it."""
    yield csv_of([_HEADER, *map(_row, found.items)])
    written = len(found.items)
    for _ in range(_MOST_READS - 1):
        if found.next_cursor is None or written >= MOST_EXPORTED:
            break
        found = await _read(request, given, found.next_cursor, limit=200)
        yield csv_of(map(_row, found.items))
        written += len(found.items)
    if found.next_cursor is not None:
        told = f"Not all: only the newest {written:,} that match are in this file. Filter for fewer."
        yield csv_of([(told,)])


def _row(entry: AuditView) -> tuple[object, ...]:
    detail = json.dumps(entry.detail, ensure_ascii=False, default=str) if entry.detail else ""
    return (
        iso(entry.at),
        entry.actor,
        entry.action,
        entry.subject,
        entry.reason or "",
        entry.outcome,
        entry.affected,
        detail,
    )


def _given(request: PageRequest) -> dict[str, str]:
    values = {name: request.query_params.get(name, "").strip() for name in FILTERS}
    return {name: value for name, value in values.items() if value}


async def _read(
    request: PageRequest, given: dict[str, str], cursor: str | None, limit: int = 50
) -> Page[AuditView]:
    """Read one page of entries. Raises InvalidInput for a filter that nothing can match, and for a bad cursor."""
    for name, value in given.items():
        if not value.isprintable():
            raise InvalidInput.of(
                name, "has a character that no name and no id has: a control or an unseen one"
            )
    return await runtime_of(request).queries.audit.list(
        cursor,
        limit,
        actor=given.get("actor"),
        action=given.get("action"),
        subject=given.get("subject"),
    )


HANDLERS: Final = [audit, export]
