"""The page of one delivery, and the actions resend and cancel."""

from typing import Any, Final

from litestar import get
from litestar.params import FromPath
from litestar.response import Response, Template

from breakwater.core.off_loop import MAX_ON_LOOP, run_off_loop
from breakwater.core.queries.deliveries.model import DeliveryDetail
from breakwater.web.pages.forms import read_form
from breakwater.web.pages.reply import PageRequest, actor_of, render_page, run_action, runtime_of
from breakwater.web.pages.submissions import form_post
from breakwater.web.pages.timeline import DeliveryContent, content_size, delivery_content
from breakwater.web.security.guards import requires


@get("/deliveries/{delivery_id:str}", guards=[requires("read")], include_in_schema=False)
async def delivery(request: PageRequest, delivery_id: FromPath[str]) -> Template:
    """Show one delivery with its attempts."""
    detail = await runtime_of(request).queries.deliveries.get(delivery_id)
    endpoint_id = detail.row.endpoint_id
    return render_page(
        request,
        "deliveries/one.html",
        live=(f"deliveries:{delivery_id}", f"circuits:{endpoint_id}", f"endpoints:{endpoint_id}"),
        later_delays=_later_delays(detail),
        content=await _content(detail),
        detail=detail,
        row=detail.row,
    )


async def _content(detail: DeliveryDetail) -> DeliveryContent:
    if content_size(detail) <= MAX_ON_LOOP:
        return delivery_content(detail)
    return await run_off_loop(delivery_content, detail)


def _later_delays(detail: DeliveryDetail) -> tuple[float, ...]:
    """Return the retry delays in seconds that remain after the next attempt."""
    after_next = max(detail.budget_left - 1, 0)
    return detail.retry_delays[-after_next:] if after_next else ()


@form_post("/deliveries/{delivery_id:str}/resend", "operate")
async def resend(request: PageRequest, delivery_id: FromPath[str]) -> Response[Any]:
    """Resend a delivery. With the field `now` it is sent as a probe of an open circuit."""
    form = await read_form(request, {"reason", "now"})
    work = runtime_of(request).operations.deliveries.resend(
        delivery_id, actor=actor_of(request), reason=form.text("reason"), now="now" in form
    )
    return await run_action(request, work, back=f"/deliveries/{delivery_id}")


@form_post("/deliveries/{delivery_id:str}/cancel", "operate")
async def cancel(request: PageRequest, delivery_id: FromPath[str]) -> Response[Any]:
    """Cancel a pending delivery."""
    form = await read_form(request, {"reason"})
    work = runtime_of(request).operations.deliveries.cancel(
        delivery_id, actor=actor_of(request), reason=form.text("reason")
    )
    return await run_action(request, work, back=f"/deliveries/{delivery_id}")


HANDLERS: Final = [delivery, resend, cancel]
