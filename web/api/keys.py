"""API keys: listed, made, revoked."""

from typing import Final

from litestar import delete, get, post
from litestar.params import FromPath
from litestar.response import Response

from breakwater.web.api.parameters import ApiRequest, actor_of, identified, parameters, runtime_of
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema.openapi import documented
from breakwater.web.security.guards import requires


@get("/keys", guards=[requires("admin")], opt=documented({200: responses.ListOf[responses.Key]}))
async def list_keys(request: ApiRequest) -> Response[bytes]:
    """List all keys, newest first, revoked ones among them."""
    parameters(request, ())
    keys = await runtime_of(request).access.keys.all()
    return render.list_of([responses.Key(**render.key_fields(key)) for key in keys])


@post(
    "/keys",
    guards=[requires("admin")],
    status_code=201,
    opt=documented({201: responses.NewKey}, body=bodies.KeyFields, problems=(413, 422, 503)),
)
async def create_key(request: ApiRequest) -> Response[bytes]:
    """Make a key. The token that requests carry is in this answer, and nowhere after it."""
    body = await bodies.read_body(request, bodies.KeyFields)
    view, token = await runtime_of(request).access.keys.create(
        body.name, body.scopes, actor=actor_of(request)
    )
    return render.answer(responses.NewKey(**render.key_fields(view), key=token), 201)


@delete(
    "/keys/{key_id:str}",
    guards=[requires("admin")],
    status_code=200,
    opt=documented({200: responses.OperationResult}, problems=(404, 409, 503)),
)
async def revoke_key(request: ApiRequest, key_id: FromPath[str]) -> Response[bytes]:
    """Revoke a key: it works no more from now on."""
    await runtime_of(request).access.keys.revoke(identified("key", key_id), actor=actor_of(request))
    return render.answer(
        responses.OperationResult("Revoked: requests with this key are refused from now on.", 1)
    )


KEYS: Final = [list_keys, create_key, revoke_key]
