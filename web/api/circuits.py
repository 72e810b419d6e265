"""Circuits: the board, one breaker, and what an operator may do to it."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from core.domain.errors import InvalidInput
from core.engine.moments import MomentError, parse_moment
from web.api import bodies, shapes, views
from web.api.openapi import documented
from web.api.queries import (
    CURSOR,
    LIMIT,
    OF_ENDPOINTS,
    ApiRequest,
    actor_of,
    as_bad_request,
    identified,
    limit_of,
    parameters,
    runtime_of,
)
from web.security import requires

_PROBLEMS: Final = (404, 409, 413, 422, 503)
_BECAUSE: Final[dict[str, Any]] = documented(
    {200: shapes.Done}, body=bodies.Because, body_required=False, problems=_PROBLEMS
)


@get(
    "/circuits",
    guards=[requires("read")],
    opt=documented({200: shapes.ListOf[shapes.Circuit]}, parameters=(OF_ENDPOINTS, CURSOR, LIMIT)),
)
async def list_circuits(request: ApiRequest) -> Response[bytes]:
    """List the circuits of all endpoints, worst first: those that are open, then half open, then closed."""
    values = parameters(request, {"q", "cursor", "limit"})
    limit = limit_of(values)
    try:
        page = await runtime_of(request).insights.circuits(values.get("cursor"), limit, values.get("q", ""))
    except InvalidInput as invalid:
        raise as_bad_request(invalid) from None
    return views.list_of([views.circuit(each) for each in page.items], page.next_cursor)


@get(
    "/circuits/{endpoint_id:str}",
    guards=[requires("read")],
    opt=documented({200: shapes.CircuitDetail}, problems=(404,)),
)
async def one_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Look at the circuit of an endpoint, with its latest transitions."""
    insights = runtime_of(request).insights
    view = await insights.circuit(identified("endpoint", endpoint_id))
    return views.answer(views.circuit_detail(view, await insights.transitions(endpoint_id)))


@post("/circuits/{endpoint_id:str}/reset", guards=[requires("operate")], status_code=200, opt=_BECAUSE)
async def reset_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Close a circuit now. Every counter and any hold is cleared, and what it held goes out."""
    return await _operate(request, "reset", endpoint_id)


@post("/circuits/{endpoint_id:str}/probe", guards=[requires("operate")], status_code=200, opt=_BECAUSE)
async def probe_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Half open an open circuit now, without waiting for its time."""
    return await _operate(request, "probe", endpoint_id)


@post(
    "/circuits/{endpoint_id:str}/hold",
    guards=[requires("operate")],
    status_code=200,
    opt=documented({200: shapes.Done}, body=bodies.NewHold, problems=_PROBLEMS),
)
async def hold_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Hold a circuit open until a time, or until somebody releases it."""
    body = await bodies.read_body(request, bodies.NewHold)
    until = None if body.until is None else _until(body.until)
    hold = runtime_of(request).operations.hold
    endpoint_id = identified("endpoint", endpoint_id)
    return views.done(
        await hold(endpoint_id, actor=actor_of(request), reason=bodies.reason_of(body) or "", until=until)
    )


@post("/circuits/{endpoint_id:str}/release", guards=[requires("operate")], status_code=200, opt=_BECAUSE)
async def release_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """End a hold: the circuit tries whether the endpoint is back."""
    return await _operate(request, "release", endpoint_id)


CIRCUITS: Final = [list_circuits, one_circuit, reset_circuit, probe_circuit, hold_circuit, release_circuit]


async def _operate(request: ApiRequest, name: str, endpoint_id: str) -> Response[bytes]:
    body = await bodies.read_optional_body(request, bodies.Because)
    operation = getattr(runtime_of(request).operations, name)
    endpoint_id = identified("endpoint", endpoint_id)
    return views.done(await operation(endpoint_id, actor=actor_of(request), reason=bodies.reason_of(body)))


def _until(text: str) -> float:
    try:
        moment = parse_moment(text)
    except MomentError:
        moment = None
    if not isinstance(moment, float):
        raise InvalidInput.of("until", "is no time: write it as 2026-11-22T03:12:00Z")
    return moment
