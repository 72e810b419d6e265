"""Failures by cause, across endpoints."""

from typing import Any, Final

from litestar import get
from litestar.response import Response

from breakwater.core.queries.deliveries.causes_model import FailureGroups
from breakwater.web.pages.delivery_list import ListQuery, filter_options
from breakwater.web.pages.reply import PageRequest, render_page, runtime_of
from breakwater.web.security.guards import requires


@get("/deliveries/causes", guards=[requires("read")], include_in_schema=False)
async def causes(request: PageRequest) -> Response[Any]:
    """Group the failures of the matching deliveries by cause."""
    query = ListQuery.from_request(request)
    if (redirect := query.redirect_with_offsets(request)) is not None:
        return redirect
    groups = FailureGroups((), None)
    if query.filters is not None:
        groups = await runtime_of(request).queries.deliveries.causes(query.filters)
    return render_page(
        request,
        "deliveries/causes.html",
        live=("deliveries",),
        query=query,
        groups=groups,
        **await filter_options(request, query),
    )


HANDLERS: Final = [causes]
