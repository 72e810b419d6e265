"""Saving and deleting a view: a filter under a name."""

from typing import Any, Final

from litestar.params import FromPath
from litestar.response import Response

from breakwater.core.operations.result import OperationResult
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.web.pages.forms import read_form
from breakwater.web.pages.reply import PageRequest, run_action, runtime_of
from breakwater.web.pages.submissions import form_post
from breakwater.web.security.guards import principal_of

DELIVERIES: Final = "/deliveries"


@form_post(f"{DELIVERIES}/views", "read")
async def save_view(request: PageRequest) -> Response[Any]:
    """Save the current filter of the list."""
    form = await read_form(request, {"name", "filter"})

    async def save() -> OperationResult:
        filters = DeliveryFilter.from_query(form.get("filter", ""))
        view = await runtime_of(request).saved_views.save(
            principal_of(request).id, form.get("name", ""), filters
        )
        return OperationResult(f"Saved as “{view.name}”.")

    return await run_action(request, save(), back=DELIVERIES)


@form_post(f"{DELIVERIES}/views/{{view_id:str}}/delete", "read")
async def delete_view(request: PageRequest, view_id: FromPath[str]) -> Response[Any]:
    """Delete a saved view."""
    await read_form(request)

    async def delete() -> OperationResult:
        await runtime_of(request).saved_views.delete(principal_of(request).id, view_id)
        return OperationResult("View deleted.")

    return await run_action(request, delete(), back=DELIVERIES)


HANDLERS: Final = [save_view, delete_view]
