"""Circuits: the board, one breaker, and what an operator may do to it."""

from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from breakwater.web.api.operations import REASON_BODY, run_operation
from breakwater.web.api.parameters import (
    CURSOR,
    LIMIT,
    OF_ENDPOINTS,
    ApiRequest,
    actor_of,
    identified,
    limit_of,
    of_the_address,
    parameters,
    runtime_of,
)
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema.openapi import documented
from breakwater.web.security.guards import requires

_UNTIL: Final = "write it as 2026-11-22T03:12:00Z"


@get(
    "/circuits",
    guards=[requires("read")],
    opt=documented({200: responses.ListOf[responses.Circuit]}, parameters=(OF_ENDPOINTS, CURSOR, LIMIT)),
)
async def list_circuits(request: ApiRequest) -> Response[bytes]:
    """List the circuits of all endpoints, worst first: those that are open, then half open, then closed."""
    values = parameters(request, {"q", "cursor", "limit"})
    limit = limit_of(values)
    with of_the_address():
        page = await runtime_of(request).queries.circuits.board(
            values.get("cursor"), limit, values.get("q", "")
        )
    return render.list_of([render.circuit(each) for each in page.items], page.next_cursor)


@get(
    "/circuits/{endpoint_id:str}",
    guards=[requires("read")],
    opt=documented({200: responses.CircuitDetail}, problems=(404,)),
)
async def one_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Look at the circuit of an endpoint, with its latest transitions."""
    queries = runtime_of(request).queries
    view = await queries.circuits.get(identified("endpoint", endpoint_id))
    return render.answer(render.circuit_detail(view, await queries.circuits.transitions(endpoint_id)))


@post("/circuits/{endpoint_id:str}/reset", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def reset_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Close a circuit now. Every counter and any hold is cleared, and what it held goes out."""
    return await run_operation(
        request, runtime_of(request).operations.circuits.reset, "endpoint", endpoint_id
    )


@post("/circuits/{endpoint_id:str}/probe", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def probe_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Half open an open circuit now, without waiting for its time."""
    return await run_operation(
        request, runtime_of(request).operations.circuits.probe, "endpoint", endpoint_id
    )


@post(
    "/circuits/{endpoint_id:str}/hold",
    guards=[requires("operate")],
    status_code=200,
    opt=documented({200: responses.OperationResult}, body=bodies.NewHold, problems=(404, 409, 413, 422, 503)),
)
async def hold_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Hold a circuit open until a time, or until somebody releases it."""
    body = await bodies.read_body(request, bodies.NewHold)
    until = None if body.until is None else bodies.time_of("until", body.until, _UNTIL)
    hold = runtime_of(request).operations.circuits.hold
    endpoint_id = identified("endpoint", endpoint_id)
    return render.done(
        await hold(endpoint_id, actor=actor_of(request), reason=bodies.reason_of(body) or "", until=until)
    )


@post("/circuits/{endpoint_id:str}/release", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def release_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """End a hold: the circuit tries whether the endpoint is back."""
    return await run_operation(
        request, runtime_of(request).operations.circuits.release, "endpoint", endpoint_id
    )


CIRCUITS: Final = [list_circuits, one_circuit, reset_circuit, probe_circuit, hold_circuit, release_circuit]
