"""Resending the deliveries that are selected in a list."""

from typing import Any, Final

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
    problem_message,
    redirect_with_flash,
    render_page,
    respond_with_flash,
    runtime_of,
    status_of,
    wants_fragment,
)
from breakwater.web.pages.submissions import form_post

LIST: Final = "/deliveries"


@form_post(f"{LIST}/resend", "operate")
async def resend_selected(request: PageRequest) -> Response[Any]:
    """Resend the selected deliveries. More than one need a confirmation: a dialog, or a page without scripts."""
    form = await read_form(request, {"reason", "confirmed", "back"}, many={"ids"})
    ids = tuple(dict.fromkeys(form.lists["ids"]))
    if not ids:
        nothing = Flash("error", "Nothing selected. Select the deliveries to resend.")
        return respond_with_flash(request, nothing, back=LIST, status_code=422)
    must_confirm = confirmation_for(len(ids)) is not Confirmation.NONE and len(ids) <= MAX_BULK_RESEND
    if must_confirm and "confirmed" not in form:
        return await _confirm(request, ids)
    return await _resend(request, ids, form)


async def _confirm(request: PageRequest, ids: tuple[str, ...]) -> Response[Any]:
    if wants_fragment(request):
        unconfirmed = Flash("error", f"Confirm to resend {len(ids)} deliveries.")
        return respond_with_flash(request, unconfirmed, back=LIST, status_code=422)
    rows = await runtime_of(request).queries.deliveries.by_ids(ids)
    referring_path = request.headers.get("referer", "").partition(request.headers.get("host", "/"))[2]
    return render_page(request, "deliveries/confirm.html", rows=rows, back=local_path(referring_path) or LIST)


async def _resend(request: PageRequest, ids: tuple[str, ...], form: Form) -> Response[Any]:
    resend_many = runtime_of(request).operations.deliveries.resend_many
    back = local_path(form.text("back"))
    try:
        result = await resend_many(ids, actor=actor_of(request), reason=form.text("reason"))
        flash, status = Flash("success", result.message), 200
    except (Conflict, InvalidInput, NotFound, StoreUnavailable) as problem:
        flash, status = Flash("error", problem_message(problem)), status_of(problem)
    if back is not None and not (flash.kind == "error" and wants_fragment(request)):
        return redirect_with_flash(request, flash, back)
    return respond_with_flash(request, flash, back=LIST, status_code=status)


HANDLERS: Final = [resend_selected]
