"""The audit log: as a page, and as a CSV file."""

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
MAX_EXPORTED: Final = 10_000
"""Entries in a CSV file. More would delay the pages of other readers."""
_MAX_READS: Final = 100
"""Reads for one file. Each returns up to 200 entries, or searches 20,000 for the few that match."""
_HEADER: Final = ("at", "actor", "action", "subject", "reason", "outcome", "affected", "detail")
_EMPTY: Final[Page[AuditView]] = Page((), None)


@get("/audit", guards=[requires("read")], include_in_schema=False)
async def audit(request: PageRequest) -> Template:
    """List audit entries, newest first. Entries never change, so the page is not live."""
    filters = _filters(request)
    cursor = request.query_params.get("cursor") or None
    problems: tuple[FieldProblem, ...] = ()
    try:
        entries = await _read(request, filters, cursor)
    except InvalidInput as invalid:
        entries, problems = _EMPTY, invalid.problems
    return render_page(
        request,
        "audit/list.html",
        page=entries,
        values={name: filters.get(name, "") for name in FILTERS},
        filters=filters,
        actions=ACTIONS,
        problems=problems,
        older=urlencode({**filters, "cursor": entries.next_cursor}) if entries.next_cursor else None,
        export_url=f"/audit.csv?{urlencode(filters)}" if filters else "/audit.csv",
        max_exported=MAX_EXPORTED,
        cursor=cursor,
    )


@get("/audit.csv", guards=[requires("read")], include_in_schema=False)
async def export(request: PageRequest) -> Stream:
    """Return the newest matching entries as CSV. If there are more, the last line says so."""
    filters = _filters(request)
    # Read before the file begins, so that an invalid filter is an error response and not half a file.
    newest = await _read(request, filters, None, limit=200)
    return download("audit.csv", _file(request, filters, newest))


async def _file(request: PageRequest, filters: dict[str, str], page: Page[AuditView]) -> AsyncIterator[str]:
    """Yield the file in parts, one read each, so that other requests run between them."""
    yield csv_of([_HEADER, *map(_row, page.items)])
    written = len(page.items)
    for _ in range(_MAX_READS - 1):
        if page.next_cursor is None or written >= MAX_EXPORTED:
            break
        page = await _read(request, filters, page.next_cursor, limit=200)
        yield csv_of(map(_row, page.items))
        written += len(page.items)
    if page.next_cursor is not None:
        yield csv_of([(f"Incomplete: only the newest {written:,} matching entries. Narrow the filter.",)])


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


def _actor(text: str | None) -> str | None:
    """Return the actor as entries store it: the page shows `ada`, `the key ci` and `Breakwater`."""
    if text is None or ":" in text:
        return text
    if text.lower() == "breakwater":
        return "breakwater"
    key = text.removeprefix("the ").removeprefix("key ")
    return f"person:{text}" if key == text else f"key:{key}"


def _filters(request: PageRequest) -> dict[str, str]:
    values = {name: request.query_params.get(name, "").strip() for name in FILTERS}
    return {name: value for name, value in values.items() if value}


async def _read(
    request: PageRequest, filters: dict[str, str], cursor: str | None, limit: int = 50
) -> Page[AuditView]:
    """Read one page of entries. Raises InvalidInput for a filter that cannot match, and for an invalid cursor."""
    for name, value in filters.items():
        if not value.isprintable():
            raise InvalidInput.of(name, "contains a control character or an invisible character: remove it")
    return await runtime_of(request).queries.audit.list(
        cursor,
        limit,
        actor=_actor(filters.get("actor")),
        action=filters.get("action"),
        subject=filters.get("subject"),
    )


HANDLERS: Final = [audit, export]
