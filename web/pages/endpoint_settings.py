"""Creating an endpoint and editing its settings."""

from typing import Any, Final

from litestar import get
from litestar.params import FromPath
from litestar.response import Response, Template

from breakwater.core.domain.errors import FieldProblem, InvalidInput, NotFound, StoreUnavailable
from breakwater.core.queries.endpoints.model import DeletedEndpoint, EndpointView
from breakwater.web.pages import endpoint_form
from breakwater.web.pages.endpoint_form import EndpointForm, UnreadableFields, form_sections
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
from breakwater.web.pages.shown_once import ShownOnce, redirect_to_secret
from breakwater.web.pages.submissions import form_post
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
        sections=form_sections(),
    )


def _invalid_form_page(
    request: PageRequest, form: Form, endpoint: EndpointView | None, problem: InvalidInput | StoreUnavailable
) -> Template:
    """Show the submitted form again, with its problems or with the reason why it cannot be saved now."""
    form_with_problems = endpoint_form.of_form(form)
    if isinstance(problem, InvalidInput):
        form_with_problems = form_with_problems.with_problems(problem.problems)
    else:
        form_with_problems = form_with_problems.with_problems([FieldProblem("", str(problem))])
    return _form_page(request, form_with_problems, endpoint, status_of(problem))


@get(f"{ENDPOINTS}/new", guards=[requires("admin")], include_in_schema=False)
async def new_endpoint(request: PageRequest) -> Template:
    """Show the form of a new endpoint."""
    return _form_page(request, endpoint_form.blank(runtime_of(request).settings), None)


@form_post(ENDPOINTS, "admin")
async def create(request: PageRequest) -> Response[Any]:
    """Create an endpoint and show its secret, or show the form again with its problems."""
    form = await read_form(request, endpoint_form.FIELDS)
    runtime = runtime_of(request)
    try:
        fields = endpoint_form.changed_fields(form, endpoint_form.blank(runtime.settings))
        endpoint, secret = await runtime.endpoints.create(fields, actor=actor_of(request))
    except UnreadableFields as unreadable:
        return _invalid_form_page(request, form, None, await _all_problems(request, unreadable, None))
    except (InvalidInput, StoreUnavailable) as problem:
        return _invalid_form_page(request, form, None, problem)
    shown = ShownOnce(
        kind="secret",
        id=endpoint.id,
        name=endpoint.name,
        text=secret,
        overlaps=endpoint.signature.signs_with_both,
    )
    return redirect_to_secret(request, shown)


@get(f"{ENDPOINTS}/{{endpoint_id:str}}/edit", guards=[requires("admin")], include_in_schema=False)
async def edit_endpoint(request: PageRequest, endpoint_id: FromPath[str]) -> Template:
    """Show the form of an existing endpoint."""
    view = await runtime_of(request).endpoints.get(endpoint_id)
    return _form_page(request, endpoint_form.of_endpoint(view), view)


async def _all_problems(
    request: PageRequest, unreadable: UnreadableFields, endpoint_id: str | None
) -> InvalidInput:
    """Return the fields that cannot be read together with the problems of the others."""
    others = await runtime_of(request).endpoints.find_problems(unreadable.readable, endpoint_id)
    return InvalidInput((*unreadable.problems, *others))


@form_post(f"{ENDPOINTS}/{{endpoint_id:str}}/edit", "admin")
async def update(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Save the changed fields, or show the form again with its problems."""
    form = await read_form(request, endpoint_form.FIELDS)
    try:
        return await _update(request, endpoint_id, form)
    except NotFound:
        return await _deleted_endpoint_page(request, endpoint_id, form)


async def _update(request: PageRequest, endpoint_id: str, form: Form) -> Response[Any]:
    runtime = runtime_of(request)
    view = await runtime.endpoints.get(endpoint_id)
    try:
        fields = endpoint_form.changed_fields(form, endpoint_form.of_endpoint(view))
        await runtime.endpoints.update(endpoint_id, fields, actor=actor_of(request))
    except UnreadableFields as unreadable:
        problems = await _all_problems(request, unreadable, endpoint_id)
        return _invalid_form_page(request, form, view, problems)
    except (InvalidInput, StoreUnavailable) as problem:
        return _invalid_form_page(request, form, view, problem)
    message = "Saved. New attempts use the new settings." if fields else "No changes."
    return redirect_with_flash(request, Flash("success", message), f"{ENDPOINTS}/{endpoint_id}")


async def _deleted_endpoint_page(request: PageRequest, endpoint_id: str, form: Form) -> Template:
    """Show that the endpoint was deleted while it was edited, with the submitted form as that of a new endpoint.

    Raises NotFound for an endpoint that never existed.
    """
    deleted = await runtime_of(request).queries.endpoints.get_deleted(endpoint_id)
    return _form_page(request, endpoint_form.for_new_endpoint(form), None, 409, deleted=deleted)


HANDLERS: Final = [new_endpoint, create, edit_endpoint, update]
