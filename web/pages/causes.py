"""Failures by their cause, across endpoints: one click shows those of a cause, one click resends them."""

from typing import Any, Final

from litestar import get
from litestar.response import Response

from breakwater.core.queries.deliveries.causes_model import FailureGroups
from breakwater.web.pages.delivery_list import Asked, choices
from breakwater.web.pages.reply import PageRequest, render_page, runtime_of
from breakwater.web.security.guards import requires


@get("/deliveries/causes", guards=[requires("read")], include_in_schema=False)
async def causes(request: PageRequest) -> Response[Any]:
    """Group the failures among the deliveries that match."""
    asked = Asked.of(request)
    if (meant := asked.with_its_zone(request)) is not None:
        return meant
    groups = FailureGroups((), None)
    if asked.wanted is not None:
        groups = await runtime_of(request).queries.deliveries.causes(asked.wanted)
    return render_page(
        request,
        "deliveries/causes.html",
        live=("deliveries",),
        asked=asked,
        groups=groups,
        **await choices(request, asked),
    )


HANDLERS: Final = [causes]
