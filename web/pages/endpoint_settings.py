"""Making an endpoint and changing its settings."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response, Template

from core.domain.errors import InvalidInput
from core.domain.states import SignatureScheme
from core.engine.insights.models import EndpointView
from web.pages import endpoint_form
from web.pages.endpoint_form import EndpointForm
from web.pages.endpoints import ENDPOINTS
from web.pages.forms import read_form
from web.pages.reply import PageRequest, Said, actor_of, moved, page, runtime_of
from web.security import requires


def _form_page(
    request: PageRequest, form: EndpointForm, endpoint: EndpointView | None, status_code: int = 200
) -> Template:
    return page(
        request,
        "endpoints/form.html",
        status_code=status_code,
        endpoint=endpoint,
        form=form,
        schemes=tuple(SignatureScheme),
    )


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
    except InvalidInput as invalid:
        return _form_page(request, endpoint_form.of_form(form).with_problems(invalid.problems), None, 422)
    return page(request, "endpoints/secret.html", endpoint=made, secret=secret, rotated=False)


@get(f"{ENDPOINTS}/{{endpoint_id:str}}/edit", guards=[requires("admin")], include_in_schema=False)
async def edit_endpoint(request: PageRequest, endpoint_id: FromPath[str]) -> Template:
    """Show the form of an endpoint as it is."""
    view = await runtime_of(request).endpoints.get(endpoint_id)
    return _form_page(request, endpoint_form.of_endpoint(view), view)


@post(f"{ENDPOINTS}/{{endpoint_id:str}}/edit", guards=[requires("admin")], include_in_schema=False)
async def update(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Change what was changed in the form, or show it again with what is wrong in it."""
    form = await read_form(request, endpoint_form.FIELDS)
    runtime = runtime_of(request)
    view = await runtime.endpoints.get(endpoint_id)
    try:
        fields = endpoint_form.changed_fields(form, endpoint_form.of_endpoint(view))
        await runtime.endpoints.update(endpoint_id, fields, actor=actor_of(request))
    except InvalidInput as invalid:
        return _form_page(request, endpoint_form.of_form(form).with_problems(invalid.problems), view, 422)
    sentence = "Saved. Attempts from now on follow the new settings." if fields else "Nothing was changed."
    return moved(request, Said("done", sentence), f"{ENDPOINTS}/{endpoint_id}")


HANDLERS: Final = [new_endpoint, create, edit_endpoint, update]
