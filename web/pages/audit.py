"""Audit: who did what, to what, why, and what came of it."""

from typing import Final
from urllib.parse import urlencode

from litestar import get
from litestar.response import Template

from core.domain.errors import FieldProblem, InvalidInput
from core.engine.insights.models import Page
from web.pages.reply import PageRequest, page, runtime_of
from web.security import requires

FILTERS: Final = ("actor", "action", "subject")


@get("/audit", guards=[requires("read")], include_in_schema=False)
async def audit(request: PageRequest) -> Template:
    """List audit entries, newest first. They do not change, so the page is not live."""
    values = {name: request.query_params.get(name, "").strip() for name in FILTERS}
    given = {name: value for name, value in values.items() if value}
    cursor = request.query_params.get("cursor") or None
    problems: tuple[FieldProblem, ...] = ()
    try:
        found = await runtime_of(request).insights.audit(
            cursor,
            actor=given.get("actor"),
            action=given.get("action"),
            subject=given.get("subject"),
        )
    except InvalidInput as invalid:
        found, problems = Page((), None), invalid.problems
    older = urlencode({**given, "cursor": found.next_cursor}) if found.next_cursor else None
    return page(
        request,
        "audit/list.html",
        found=found,
        values=values,
        given=given,
        problems=problems,
        older=older,
        cursor=cursor,
    )


HANDLERS: Final = [audit]
