"""Deliveries: list, show, resend and cancel."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from breakwater.core.domain.states import FailureClass
from breakwater.core.queries.paging.filters import PARAMETERS, DeliveryFilter
from breakwater.core.text.outcomes import class_list
from breakwater.core.text.statuses import DeliveryStatus
from breakwater.web.api.operations import REASON_BODY, run_operation
from breakwater.web.api.parameters import (
    CURSOR,
    LIMIT,
    ApiRequest,
    actor_of,
    checked_id,
    limit_of,
    parameters,
    query_errors,
    runtime_of,
)
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema.openapi import Parameter, documented
from breakwater.web.security.guards import requires

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_FILTER: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "status": (
        "Statuses, separated by commas. `held` and `retrying` select pending deliveries.",
        {"enum": [status.value for status in DeliveryStatus]},
    ),
    "endpoint": ("Endpoint id.", _TEXT),
    "event_type": ("Event type.", _TEXT),
    "class": (
        f"Failure class of the latest attempt: {class_list()}.",
        {"enum": [failure.value for failure in FailureClass]},
    ),
    "error": ("Latest error; … matches any text.", _TEXT),
    "since": ("Accepted at or after this time: 2026-11-22T03:12Z, or 24h for the last day.", _TEXT),
    "until": ("Accepted before this time.", _TEXT),
    "q": ("An id, an idempotency key, or text in the event type, error or payload.", _TEXT),
}
_PARAMETERS: Final = (
    *(Parameter(name, *_FILTER[name]) for name in PARAMETERS),
    CURSOR,
    LIMIT,
)


@get(
    "/deliveries",
    guards=[requires("read")],
    opt=documented({200: responses.ListOf[responses.Delivery]}, parameters=_PARAMETERS),
)
async def list_deliveries(request: ApiRequest) -> Response[bytes]:
    """List deliveries, newest first.

    `payload`, `attempts` and `why` are empty here; get a single delivery to see them. A search can return a short page
    before the list ends; continue with `next_cursor`.
    """
    values = parameters(request)
    limit = limit_of(values)
    with query_errors():
        filters = DeliveryFilter.parse(values)
        page = await runtime_of(request).queries.deliveries.list(filters, values.get("cursor"), limit)
    return render.list_of([render.delivery_row(row) for row in page.items], page.next_cursor)


@get(
    "/deliveries/{delivery_id:str}",
    guards=[requires("read")],
    opt=documented({200: responses.Delivery}, problems=(404,)),
)
async def one_delivery(request: ApiRequest, delivery_id: FromPath[str]) -> Response[bytes]:
    """Get a delivery with its payload and attempts."""
    detail = await runtime_of(request).queries.deliveries.get(checked_id("delivery", delivery_id))
    return render.respond(render.delivery(detail))


@post(
    "/deliveries/{delivery_id:str}/resend",
    guards=[requires("operate")],
    status_code=200,
    opt=documented(
        {200: responses.OperationResult},
        body=bodies.Resend,
        body_required=False,
        problems=(404, 409, 413, 415, 422, 503),
    ),
)
async def resend_delivery(request: ApiRequest, delivery_id: FromPath[str]) -> Response[bytes]:
    """Resend a delivery and restart its retry schedule."""
    body = await bodies.read_optional_body(request, bodies.Resend)
    delivery_id = checked_id("delivery", delivery_id)
    resend = runtime_of(request).operations.deliveries.resend
    return render.operation_result(
        await resend(delivery_id, actor=actor_of(request), reason=bodies.reason_of(body), now=body.now)
    )


@post(
    "/deliveries/resend",
    guards=[requires("operate")],
    status_code=200,
    opt=documented(
        {200: responses.OperationResult}, body=bodies.ResendSeveral, problems=(409, 413, 415, 422, 503)
    ),
)
async def resend_deliveries(request: ApiRequest) -> Response[bytes]:
    """Resend several deliveries, with one audit entry for all.

    A delivery is skipped, and counted in the response, if an attempt is in flight, its endpoint was deleted, or it no
    longer exists. Use a replay to resend more than 200.
    """
    body = await bodies.read_body(request, bodies.ResendSeveral)
    resend_many = runtime_of(request).operations.deliveries.resend_many
    return render.operation_result(
        await resend_many(body.ids, actor=actor_of(request), reason=bodies.reason_of(body))
    )


@post("/deliveries/{delivery_id:str}/cancel", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def cancel_delivery(request: ApiRequest, delivery_id: FromPath[str]) -> Response[bytes]:
    """Cancel a pending delivery. It can be resent.

    The response is 409 while an attempt is in flight: the receiver may have the request already, so its result is
    recorded. Cancel again after the attempt, which ends within the timeout of the endpoint.
    """
    return await run_operation(
        request, runtime_of(request).operations.deliveries.cancel, "delivery", delivery_id
    )


DELIVERIES: Final = [list_deliveries, one_delivery, resend_delivery, resend_deliveries, cancel_delivery]
