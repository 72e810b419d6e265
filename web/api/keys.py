"""API keys: list, create, rotate and revoke."""

from typing import Final

from litestar import delete, get, post
from litestar.params import FromPath
from litestar.response import Response

from breakwater.web.api.parameters import ApiRequest, actor_of, checked_id, parameters, runtime_of
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema.openapi import documented
from breakwater.web.security.guards import requires


@get("/keys", guards=[requires("admin")], opt=documented({200: responses.ListOf[responses.Key]}))
async def list_keys(request: ApiRequest) -> Response[bytes]:
    """List all API keys, newest first, including revoked ones."""
    parameters(request, ())
    keys = await runtime_of(request).access.keys.all()
    return render.list_of([responses.Key(**render.key_fields(key)) for key in keys])


@post(
    "/keys",
    guards=[requires("admin")],
    status_code=201,
    opt=documented({201: responses.NewKey}, body=bodies.KeyFields, problems=(413, 415, 422, 503)),
)
async def create_key(request: ApiRequest) -> Response[bytes]:
    """Create an API key. Only this response contains the token."""
    body = await bodies.read_body(request, bodies.KeyFields)
    view, token = await runtime_of(request).access.keys.create(
        body.name, body.scopes, actor=actor_of(request), sender=body.sender
    )
    return render.respond(responses.NewKey(**render.key_fields(view), key=token), 201)


@post(
    "/keys/{key_id:str}/rotate",
    guards=[requires("admin")],
    status_code=201,
    opt=documented({201: responses.NewKey}, problems=(404, 409, 503)),
)
async def rotate_key(request: ApiRequest, key_id: FromPath[str]) -> Response[bytes]:
    """Create a second key with the same name, scopes and sender.

    The first key stays valid until it is revoked. Both have one sender, so a request that is repeated under the new key
    with the same `Idempotency-Key` is not accepted twice. Only this response contains the new token.
    """
    keys = runtime_of(request).access.keys
    view, token = await keys.rotate(checked_id("key", key_id), actor=actor_of(request))
    return render.respond(responses.NewKey(**render.key_fields(view), key=token), 201)


@delete(
    "/keys/{key_id:str}",
    guards=[requires("admin")],
    status_code=200,
    opt=documented({200: responses.OperationResult}, problems=(404, 409, 503)),
)
async def revoke_key(request: ApiRequest, key_id: FromPath[str]) -> Response[bytes]:
    """Revoke an API key. Requests with it are refused from now on."""
    await runtime_of(request).access.keys.revoke(checked_id("key", key_id), actor=actor_of(request))
    return render.respond(
        responses.OperationResult("API key revoked. Requests with it are refused from now on.", 1)
    )


KEYS: Final = [list_keys, create_key, rotate_key, revoke_key]
