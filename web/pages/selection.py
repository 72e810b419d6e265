"""The deliveries that a person has ticked in a list, resent at once."""

from typing import Any, Final

from litestar import post
from litestar.response import Response

from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from breakwater.core.operations.deliveries import MAX_BULK_RESEND
from breakwater.web.pages.confirmation import Confirmation, confirmation_for
from breakwater.web.pages.forms import Form, read_form
from breakwater.web.pages.reply import (
    Flash,
    PageRequest,
    actor_of,
    local_path,
    redirect_with_flash,
    render_page,
    respond_with_flash,
    runtime_of,
    status_of,
    wants_fragment,
)
from breakwater.web.security.guards import requires

LIST: Final = "/deliveries"


@post(f"{LIST}/resend", guards=[requires("operate")], status_code=200, include_in_schema=False)
async def resend_selected(request: PageRequest) -> Response[Any]:
    """Resend what was ticked; more than one after a confirmation, which is a page of its own without scripts."""
    form = await read_form(request, {"reason", "confirmed", "back"}, many={"ids"})
    ids = tuple(dict.fromkeys(form.lists["ids"]))
    if not ids:
        nothing = Flash("error", "Nothing is selected: tick the deliveries to resend.")
        return respond_with_flash(request, nothing, back=LIST, status_code=422)
    asks = confirmation_for(len(ids)) is not Confirmation.NONE and len(ids) <= MAX_BULK_RESEND
    if asks and "confirmed" not in form:
        return await _confirm(request, ids)
    return await _resend(request, ids, form)


async def _confirm(request: PageRequest, ids: tuple[str, ...]) -> Response[Any]:
    if wants_fragment(request):
        unconfirmed = Flash("error", f"{len(ids)} deliveries are resent once that is confirmed.")
        return respond_with_flash(request, unconfirmed, back=LIST, status_code=422)
    rows = await runtime_of(request).queries.deliveries.by_ids(ids)
    came_from = request.headers.get("referer", "").partition(request.headers.get("host", "/"))[2]
    return render_page(request, "deliveries/confirm.html", rows=rows, back=local_path(came_from) or LIST)


async def _resend(request: PageRequest, ids: tuple[str, ...], form: Form) -> Response[Any]:
    resend_many = runtime_of(request).operations.deliveries.resend_many
    back = local_path(form.text("back"))
    try:
        done = await resend_many(ids, actor=actor_of(request), reason=form.text("reason"))
        said, status = Flash("success", done.message), 200
    except (Conflict, InvalidInput, NotFound, StoreUnavailable) as problem:
        said, status = Flash("error", str(problem)), status_of(problem)
    if back is not None:
        return redirect_with_flash(request, said, back)
    return respond_with_flash(request, said, back=LIST, status_code=status)


HANDLERS: Final = [resend_selected]
