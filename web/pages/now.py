"""Now: is it us or them, and what asks for a person."""

from typing import Final

from litestar import get
from litestar.response import Template

from web.pages.first_webhook import first_webhook
from web.pages.reply import PageRequest, page, runtime_of
from web.security import requires


@get("/", guards=[requires("read")], include_in_schema=False)
async def now(request: PageRequest) -> Template:
    """Show the state of the whole service."""
    return page(
        request,
        "now/now.html",
        live=("deliveries", "circuits", "endpoints", "audit", "health"),
        overview=await runtime_of(request).insights.overview(),
        first_webhook=first_webhook(request),
    )


HANDLERS: Final = [now]
