"""Saved views: a filter kept under a name, and forgotten again."""

from typing import Any, Final

from litestar import post
from litestar.params import FromPath
from litestar.response import Response

from breakwater.core.operations.result import OperationResult
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.web.pages.forms import read_form
from breakwater.web.pages.reply import PageRequest, run_action, runtime_of
from breakwater.web.security.guards import principal_of, requires

DELIVERIES: Final = "/deliveries"


@post(f"{DELIVERIES}/views", guards=[requires("read")], include_in_schema=False)
async def save_view(request: PageRequest) -> Response[Any]:
    """Keep the filter of the list that is shown."""
    form = await read_form(request, {"name", "filter"})

    async def save() -> OperationResult:
        wanted = DeliveryFilter.from_query(form.get("filter", ""))
        view = await runtime_of(request).saved_views.save(
            principal_of(request).id, form.get("name", ""), wanted
        )
        return OperationResult(f"Kept as “{view.name}”.")

    return await run_action(request, save(), back=DELIVERIES)


@post(f"{DELIVERIES}/views/{{view_id:str}}/delete", guards=[requires("read")], include_in_schema=False)
async def forget_view(request: PageRequest, view_id: FromPath[str]) -> Response[Any]:
    """Forget a view; the deliveries that it showed stay."""
    await read_form(request)

    async def forget() -> OperationResult:
        await runtime_of(request).saved_views.delete(principal_of(request).id, view_id)
        return OperationResult("Forgotten.")

    return await run_action(request, forget(), back=DELIVERIES)


HANDLERS: Final = [save_view, forget_view]
