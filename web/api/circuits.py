"""Circuits: list, show, reset, probe, hold and release."""

from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from breakwater.web.api.operations import REASON_BODY, run_operation
from breakwater.web.api.parameters import (
    CURSOR,
    ENDPOINT_SEARCH,
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
from breakwater.web.api.schema.openapi import documented
from breakwater.web.security.guards import requires

_TIME_FORMAT: Final = "use the form 2026-11-22T03:12:00Z"


@get(
    "/circuits",
    guards=[requires("read")],
    opt=documented({200: responses.ListOf[responses.Circuit]}, parameters=(ENDPOINT_SEARCH, CURSOR, LIMIT)),
)
async def list_circuits(request: ApiRequest) -> Response[bytes]:
    """List the circuits of all endpoints, open and half-open ones first, each group by name."""
    values = parameters(request, {"q", "cursor", "limit"})
    limit = limit_of(values)
    with query_errors():
        page = await runtime_of(request).queries.circuits.board(
            values.get("cursor"), limit, values.get("q", "")
        )
    return render.list_of([render.circuit(view) for view in page.items], page.next_cursor)


@get(
    "/circuits/{endpoint_id:str}",
    guards=[requires("read")],
    opt=documented({200: responses.CircuitDetail}, problems=(404,)),
)
async def one_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Get the circuit of an endpoint with its latest transitions."""
    queries = runtime_of(request).queries
    view = await queries.circuits.get(checked_id("endpoint", endpoint_id))
    return render.respond(render.circuit_detail(view, await queries.circuits.transitions(endpoint_id)))


@post("/circuits/{endpoint_id:str}/reset", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def reset_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Reset a circuit.

    Closes it, clears all counters and any hold, and releases the held deliveries.
    """
    return await run_operation(
        request, runtime_of(request).operations.circuits.reset, "endpoint", endpoint_id
    )


@post("/circuits/{endpoint_id:str}/probe", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def probe_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Probe now: set an open circuit to half-open without waiting for its cooldown."""
    return await run_operation(
        request, runtime_of(request).operations.circuits.probe, "endpoint", endpoint_id
    )


@post(
    "/circuits/{endpoint_id:str}/hold",
    guards=[requires("operate")],
    status_code=200,
    opt=documented(
        {200: responses.OperationResult}, body=bodies.NewHold, problems=(404, 409, 413, 415, 422, 503)
    ),
)
async def hold_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Hold all deliveries of an endpoint until a time, or until the hold is released."""
    body = await bodies.read_body(request, bodies.NewHold)
    until = None if body.until is None else bodies.time_of("until", body.until, _TIME_FORMAT)
    hold = runtime_of(request).operations.circuits.hold
    endpoint_id = checked_id("endpoint", endpoint_id)
    return render.operation_result(
        await hold(endpoint_id, actor=actor_of(request), reason=bodies.reason_of(body) or "", until=until)
    )


@post("/circuits/{endpoint_id:str}/release", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def release_circuit(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Release a hold. The circuit becomes half-open and probes first."""
    return await run_operation(
        request, runtime_of(request).operations.circuits.release, "endpoint", endpoint_id
    )


CIRCUITS: Final = [list_circuits, one_circuit, reset_circuit, probe_circuit, hold_circuit, release_circuit]
