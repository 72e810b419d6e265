"""Deliveries: listed, looked at, resent, cancelled."""

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
    identified,
    limit_of,
    of_the_address,
    parameters,
    runtime_of,
)
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema.openapi import Parameter, documented
from breakwater.web.security.guards import requires

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_FILTER: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "status": (
        "Statuses, separated by commas; held and retrying are pending deliveries told apart.",
        {"enum": [status.value for status in DeliveryStatus]},
    ),
    "endpoint": ("The id of an endpoint.", _TEXT),
    "event_type": ("An event type.", _TEXT),
    "class": (
        f"The failure class of the latest attempt: {class_list()}.",
        {"enum": [failure.value for failure in FailureClass]},
    ),
    "error": ("The latest error; … stands for any text.", _TEXT),
    "since": ("Accepted then or later: 2026-11-22T03:12Z, or 24h for the last day.", _TEXT),
    "until": ("Accepted before then.", _TEXT),
    "q": ("An id, an idempotency key, or a text in event type, error or payload.", _TEXT),
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

    `payload`, `attempts` and `why` are left empty here: ask for the one delivery. A page may be short before the list
    ends, where a search had to look at many; `next_cursor` goes on from there.
    """
    values = parameters(request)
    limit = limit_of(values)
    with of_the_address():
        wanted = DeliveryFilter.parse(values)
        page = await runtime_of(request).queries.deliveries.list(wanted, values.get("cursor"), limit)
    return render.list_of([render.delivery_row(row) for row in page.items], page.next_cursor)


@get(
    "/deliveries/{delivery_id:str}",
    guards=[requires("read")],
    opt=documented({200: responses.Delivery}, problems=(404,)),
)
async def one_delivery(request: ApiRequest, delivery_id: FromPath[str]) -> Response[bytes]:
    """Look at a delivery with its payload and its attempts."""
    detail = await runtime_of(request).queries.deliveries.get(identified("delivery", delivery_id))
    return render.answer(render.delivery(detail))


@post(
    "/deliveries/{delivery_id:str}/resend",
    guards=[requires("operate")],
    status_code=200,
    opt=documented(
        {200: responses.OperationResult},
        body=bodies.Resend,
        body_required=False,
        problems=(404, 409, 413, 422, 503),
    ),
)
async def resend_delivery(request: ApiRequest, delivery_id: FromPath[str]) -> Response[bytes]:
    """Send a delivery again, with its retry budget anew."""
    body = await bodies.read_optional_body(request, bodies.Resend)
    delivery_id = identified("delivery", delivery_id)
    resend = runtime_of(request).operations.deliveries.resend
    return render.done(
        await resend(delivery_id, actor=actor_of(request), reason=bodies.reason_of(body), now=body.now)
    )


@post(
    "/deliveries/resend",
    guards=[requires("operate")],
    status_code=200,
    opt=documented(
        {200: responses.OperationResult}, body=bodies.ResendSeveral, problems=(409, 413, 422, 503)
    ),
)
async def resend_deliveries(request: ApiRequest) -> Response[bytes]:
    """Send several deliveries again at once, with one audit entry that names them.

    Those that cannot be resent are left alone and counted in the answer: an attempt is under way, the endpoint was
    deleted, or they are not there any more. More than 200 are resent by a replay, at a pace.
    """
    body = await bodies.read_body(request, bodies.ResendSeveral)
    resend_many = runtime_of(request).operations.deliveries.resend_many
    return render.done(await resend_many(body.ids, actor=actor_of(request), reason=bodies.reason_of(body)))


@post("/deliveries/{delivery_id:str}/cancel", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def cancel_delivery(request: ApiRequest, delivery_id: FromPath[str]) -> Response[bytes]:
    """End a delivery that waits. It can be resent."""
    return await run_operation(
        request, runtime_of(request).operations.deliveries.cancel, "delivery", delivery_id
    )


DELIVERIES: Final = [list_deliveries, one_delivery, resend_delivery, resend_deliveries, cancel_delivery]
