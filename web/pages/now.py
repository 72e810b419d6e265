"""The Now page: the state of the whole service."""

from typing import Final

from litestar import get
from litestar.response import Template

from breakwater.web.pages.circuits import with_resets
from breakwater.web.pages.first_webhook import first_webhook
from breakwater.web.pages.reply import PageRequest, render_page, runtime_of
from breakwater.web.pages.traffic import MAX_CHANGES, load_charts
from breakwater.web.security.guards import requires


@get("/", guards=[requires("read")], include_in_schema=False)
async def now(request: PageRequest) -> Template:
    """Show the state of the whole service."""
    queries = runtime_of(request).queries
    overview = await queries.overview.now()
    changes = await queries.circuits.transitions(limit=MAX_CHANGES)
    return render_page(
        request,
        "now/now.html",
        live=("deliveries", "circuits", "endpoints", "audit", "health"),
        overview=overview,
        troubles=with_resets(overview.open_circuits, overview.recently_reset),
        notices=runtime_of(request).notices(),
        charts=await load_charts(request, overview.traffic, changes, longest_ms=overview.longest_attempt_ms),
        first_webhook=first_webhook(request),
    )


HANDLERS: Final = [now]
