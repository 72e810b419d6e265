"""Endpoints: list, create, show, update, delete, rotate the secret, test, pause and resume."""

from typing import Final

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath
from litestar.response import Response

from breakwater.core.delivery.intake import NewMessage
from breakwater.core.endpoints.secrets import public_key_of
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.core.text.format import pluralize
from breakwater.core.text.timestamps import iso
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
from breakwater.web.api.schema.endpoint_bodies import EndpointChanges, EndpointFields
from breakwater.web.api.schema.openapi import documented
from breakwater.web.problems import BadRequest
from breakwater.web.security.guards import requires

TEST_EVENT: Final = "breakwater.test"
_MAX_FIELDS: Final = 100
"""Fields of a request, of which each that does not exist is reported."""
_PROBLEMS: Final = (404, 413, 415, 422, 503)


@get(
    "/endpoints",
    guards=[requires("read")],
    opt=documented({200: responses.ListOf[responses.Endpoint]}, parameters=(ENDPOINT_SEARCH, CURSOR, LIMIT)),
)
async def list_endpoints(request: ApiRequest) -> Response[bytes]:
    """List endpoints, newest first."""
    values = parameters(request, {"q", "cursor", "limit"})
    limit = limit_of(values)
    with query_errors():
        page = await runtime_of(request).endpoints.page(values.get("cursor"), limit, values.get("q", ""))
    return render.list_of([render.endpoint(view) for view in page.items], page.next_cursor)


@post(
    "/endpoints",
    guards=[requires("admin")],
    status_code=201,
    opt=documented({201: responses.NewEndpoint}, body=EndpointFields, problems=(413, 415, 422, 503)),
)
async def create_endpoint(request: ApiRequest) -> Response[bytes]:
    """Create an endpoint. Only this response contains its signing secret."""
    fields = await _fields(request)
    view, secret = await runtime_of(request).endpoints.create(fields, actor=actor_of(request))
    created = responses.NewEndpoint(
        **render.endpoint_fields(view), secret=secret, public_key=public_key_of(secret)
    )
    return render.respond(created, 201, {"Location": f"/api/v1/endpoints/{view.id}"})


@get(
    "/endpoints/{endpoint_id:str}",
    guards=[requires("read")],
    opt=documented({200: responses.Endpoint}, problems=(404,)),
)
async def one_endpoint(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Get an endpoint."""
    return render.respond(render.endpoint(await _endpoint(request, endpoint_id)))


@patch(
    "/endpoints/{endpoint_id:str}",
    guards=[requires("admin")],
    opt=documented({200: responses.Endpoint}, body=EndpointChanges, problems=_PROBLEMS),
)
async def change_endpoint(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Update the fields in the body. null resets a field to its default."""
    fields = await _fields(request)
    endpoint_id = checked_id("endpoint", endpoint_id)
    view = await runtime_of(request).endpoints.update(endpoint_id, fields, actor=actor_of(request))
    return render.respond(render.endpoint(view))


@delete(
    "/endpoints/{endpoint_id:str}",
    guards=[requires("admin")],
    status_code=200,
    opt=documented({200: responses.OperationResult}, problems=(404, 503)),
)
async def delete_endpoint(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Delete an endpoint. Its pending deliveries are cancelled; its history is kept."""
    endpoint_id = checked_id("endpoint", endpoint_id)
    cancelled = await runtime_of(request).endpoints.delete(endpoint_id, actor=actor_of(request))
    sentence = f"Endpoint deleted. {pluralize(cancelled, 'pending delivery')} cancelled."
    return render.respond(responses.OperationResult(sentence, cancelled))


@post(
    "/endpoints/{endpoint_id:str}/rotate-secret",
    guards=[requires("admin")],
    status_code=200,
    opt=documented({200: responses.NewSecret}, body=bodies.Rotation, body_required=False, problems=_PROBLEMS),
)
async def rotate_secret(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Rotate the signing secret.

    With the signatures `standard` and `ed25519`, messages are signed with both secrets for 24 hours.
    `github` and `legacy` have room for one signature: the new secret replaces the old one immediately.
    """
    body = await bodies.read_optional_body(request, bodies.Rotation)
    endpoint_id = checked_id("endpoint", endpoint_id)
    rotate = runtime_of(request).endpoints.rotate_secret
    secret = await rotate(endpoint_id, actor=actor_of(request), secret=body.secret)
    return render.respond(responses.NewSecret(secret, public_key_of(secret)))


@post(
    "/endpoints/{endpoint_id:str}/test",
    guards=[requires("operate")],
    status_code=202,
    opt=documented({202: responses.Accepted}, problems=(404, 422, 503)),
)
async def test_endpoint(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Send a test message of type `breakwater.test` to this endpoint only."""
    view = await _endpoint(request, endpoint_id)
    runtime = runtime_of(request)
    payload = {
        "test": True,
        "endpoint_id": view.id,
        "sent_by": actor_of(request),
        "at": iso(runtime.clock.wall()),
    }
    message = NewMessage(TEST_EVENT, msgspec.json.encode(payload), endpoint_ids=(view.id,))
    return render.respond(render.accepted(await runtime.intake.accept(message)), 202)


@post("/endpoints/{endpoint_id:str}/pause", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def pause_endpoint(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Pause an endpoint. Its deliveries wait; new messages are still accepted."""
    return await run_operation(
        request, runtime_of(request).operations.endpoints.pause, "endpoint", endpoint_id
    )


@post("/endpoints/{endpoint_id:str}/resume", guards=[requires("operate")], status_code=200, opt=REASON_BODY)
async def resume_endpoint(request: ApiRequest, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Resume a paused or disabled endpoint."""
    return await run_operation(
        request, runtime_of(request).operations.endpoints.resume, "endpoint", endpoint_id
    )


ENDPOINTS: Final = [
    list_endpoints,
    create_endpoint,
    one_endpoint,
    change_endpoint,
    delete_endpoint,
    rotate_secret,
    test_endpoint,
    pause_endpoint,
    resume_endpoint,
]


async def _fields(request: ApiRequest) -> dict[str, object]:
    """Return the fields unchecked. The endpoint service validates them and reports every problem together."""
    fields = await bodies.read_body(request, dict[str, object])
    if len(fields) > _MAX_FIELDS:
        raise BadRequest.of("body", f"has {len(fields):,} fields: send only the fields of an endpoint")
    return fields


async def _endpoint(request: ApiRequest, endpoint_id: str) -> EndpointView:
    return await runtime_of(request).endpoints.get(checked_id("endpoint", endpoint_id))
