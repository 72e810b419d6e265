"""The page of one message with its deliveries."""

from typing import Final

from litestar import get
from litestar.params import FromPath
from litestar.response import Template

from breakwater.core.off_loop import MAX_ON_LOOP, run_off_loop
from breakwater.web.pages.bodies import shown_body
from breakwater.web.pages.reply import PageRequest, render_page, runtime_of
from breakwater.web.security.guards import requires


@get("/messages/{message_id:str}", guards=[requires("read")], include_in_schema=False)
async def message(request: PageRequest, message_id: FromPath[str]) -> Template:
    """Show a message and its deliveries."""
    view = await runtime_of(request).queries.messages.get(message_id)
    live = tuple(f"deliveries:{row.id}" for row in view.deliveries) or ("deliveries",)
    payload = (
        shown_body(view.payload)
        if len(view.payload) <= MAX_ON_LOOP
        else await run_off_loop(shown_body, view.payload)
    )
    return render_page(request, "messages/one.html", live=live[:20], message=view, payload=payload)


HANDLERS: Final = [message]
