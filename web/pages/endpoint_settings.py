"""Making an endpoint and changing its settings."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response, Template

from breakwater.core.domain.errors import FieldProblem, InvalidInput, NotFound, StoreUnavailable
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.queries.endpoints.model import DeletedEndpoint, EndpointView
from breakwater.web.pages import endpoint_form
from breakwater.web.pages.endpoint_form import EndpointForm
from breakwater.web.pages.endpoints import ENDPOINTS
from breakwater.web.pages.forms import Form, read_form
from breakwater.web.pages.reply import (
    Flash,
    PageRequest,
    actor_of,
    redirect_with_flash,
    render_page,
    runtime_of,
    status_of,
)
from breakwater.web.security.guards import requires


def _form_page(
    request: PageRequest,
    form: EndpointForm,
    endpoint: EndpointView | None,
    status_code: int = 200,
    *,
    deleted: DeletedEndpoint | None = None,
) -> Template:
    return render_page(
        request,
        "endpoints/form.html",
        status_code=status_code,
        deleted=deleted,
        endpoint=endpoint,
        form=form,
        schemes=tuple(SignatureScheme),
    )


def _again(
    request: PageRequest, form: Form, endpoint: EndpointView | None, problem: InvalidInput | StoreUnavailable
) -> Template:
    """Show what was typed again, with what is wrong in it, or with why nothing can be saved just now."""
    typed = endpoint_form.of_form(form)
    if isinstance(problem, InvalidInput):
        typed = typed.with_problems(problem.problems)
    else:
        typed = typed.with_problems([FieldProblem("", str(problem))])
    return _form_page(request, typed, endpoint, status_of(problem))


@get(f"{ENDPOINTS}/new", guards=[requires("admin")], include_in_schema=False)
async def new_endpoint(request: PageRequest) -> Template:
    """Show the form of a new endpoint, with the service's defaults."""
    return _form_page(request, endpoint_form.blank(runtime_of(request).settings), None)


@post(ENDPOINTS, guards=[requires("admin")], status_code=200, include_in_schema=False)
async def create(request: PageRequest) -> Template:
    """Make an endpoint and show its secret, or the form again with what is wrong in it."""
    form = await read_form(request, endpoint_form.FIELDS)
    runtime = runtime_of(request)
    try:
        fields = endpoint_form.changed_fields(form, endpoint_form.blank(runtime.settings))
        made, secret = await runtime.endpoints.create(fields, actor=actor_of(request))
    except (InvalidInput, StoreUnavailable) as problem:
        return _again(request, form, None, problem)
    return render_page(request, "endpoints/secret.html", endpoint=made, secret=secret, rotated=False)


@get(f"{ENDPOINTS}/{{endpoint_id:str}}/edit", guards=[requires("admin")], include_in_schema=False)
async def edit_endpoint(request: PageRequest, endpoint_id: FromPath[str]) -> Template:
    """Show the form of an endpoint as it is."""
    view = await runtime_of(request).endpoints.get(endpoint_id)
    return _form_page(request, endpoint_form.of_endpoint(view), view)


@post(f"{ENDPOINTS}/{{endpoint_id:str}}/edit", guards=[requires("admin")], include_in_schema=False)
async def update(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Change what was changed in the form, or show it again with what is wrong in it."""
    form = await read_form(request, endpoint_form.FIELDS)
    try:
        return await _update(request, endpoint_id, form)
    except NotFound:
        return await _anew(request, endpoint_id, form)


async def _update(request: PageRequest, endpoint_id: str, form: Form) -> Response[Any]:
    runtime = runtime_of(request)
    view = await runtime.endpoints.get(endpoint_id)
    try:
        fields = endpoint_form.changed_fields(form, endpoint_form.of_endpoint(view))
        await runtime.endpoints.update(endpoint_id, fields, actor=actor_of(request))
    except (InvalidInput, StoreUnavailable) as problem:
        return _again(request, form, view, problem)
    sentence = "Saved. Attempts from now on follow the new settings." if fields else "Nothing was changed."
    return redirect_with_flash(request, Flash("success", sentence), f"{ENDPOINTS}/{endpoint_id}")


async def _anew(request: PageRequest, endpoint_id: str, form: Form) -> Template:
    """Say that somebody deleted the endpoint meanwhile, and offer to make a new one from what was typed.

    Raises NotFound for one that never was.
    """
    deleted = await runtime_of(request).queries.endpoints.get_deleted(endpoint_id)
    return _form_page(request, endpoint_form.for_a_new_one(form), None, 409, deleted=deleted)


HANDLERS: Final = [new_endpoint, create, edit_endpoint, update]
