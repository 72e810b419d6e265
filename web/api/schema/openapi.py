"""The OpenAPI document, generated from the routes, so that it describes exactly what is served."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from breakwater.web.problems import MEDIA_TYPE, Problem

_REF: Final = "#/components/schemas/{name}"
_DOC: Final = "doc"
_ALWAYS: Final = (400, 401, 403, 429)
"""Every route can respond with these: host not allowed, no credential, missing scope, rate limit."""
_PROBLEM_TEXTS: Final = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read, or a parameter is not valid.",
    HTTPStatus.UNAUTHORIZED: "The credential is missing or not valid.",
    HTTPStatus.FORBIDDEN: "The credential lacks the required scope.",
    HTTPStatus.NOT_FOUND: "The resource does not exist.",
    HTTPStatus.CONFLICT: "The state of the resource does not allow the operation.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The payload or the body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The request body is compressed, which is not supported.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Fields are not valid; `problems` lists each with its remedy.",
    HTTPStatus.TOO_MANY_REQUESTS: "The caller reached a limit; retry after `Retry-After` seconds.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is unavailable; retry after `Retry-After` seconds.",
}


_DESCRIPTION: Final = (
    "Send messages, and inspect and operate their deliveries.\n\n"
    "Requests are limited per API key or person; sending messages has a limit of its own. Every response to a valid "
    "credential has the header `RateLimit-Policy` (`q` requests in `w` seconds). When at most half are left, it also "
    "has `RateLimit` (`r` requests left, all of them again in `t` seconds). Both are those of "
    "draft-ietf-httpapi-ratelimit-headers. A request over the limit gets 429 with `Retry-After`."
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header."""

    name: str
    description: str
    schema: Mapping[str, Any]
    place: str = "query"

    def as_dict(self) -> dict[str, Any]:
        """Return the parameter in OpenAPI's form."""
        return {
            "name": self.name,
            "in": self.place,
            "required": False,
            "description": self.description,
            "schema": dict(self.schema),
        }


@dataclass(frozen=True, slots=True)
class RouteDoc:
    """The parameters, body and responses of a route."""

    responses: Mapping[int, Any]
    """Type of the body by status; None for a response without a body."""
    body: Any = None
    body_required: bool = True
    problems: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    media_type: str = "application/json"


def documented(
    responses: Mapping[int, Any],
    *,
    body: Any = None,
    body_required: bool = True,
    problems: tuple[int, ...] = (),
    parameters: tuple[Parameter, ...] = (),
    media_type: str = "application/json",
) -> dict[str, Any]:
    """Return the route options that add the route to the OpenAPI document."""
    return {_DOC: RouteDoc(responses, body, body_required, problems, parameters, media_type)}


IDEMPOTENCY_KEY: Final = Parameter(
    "Idempotency-Key",
    "Makes the request safe to repeat: within 24 hours, the same key and message return the first response again. "
    "It belongs to the sender of the API key: another key of the same sender also gets the first response.",
    {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
    place="header",
)


def openapi_document(app: Litestar, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of all documented routes of `app`."""
    routes = [
        (route, method, handler, handler.opt[_DOC])
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods)
        if _DOC in handler.opt
    ]
    references, components = _components(doc for _, _, _, doc in routes)
    paths: dict[str, dict[str, Any]] = {}
    for route, method, handler, doc in routes:
        operation = _operation(route, handler, doc, references)
        paths.setdefault(route.path_format, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Breakwater",
            "version": version,
            "description": _DESCRIPTION,
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `bw_…`."}
            },
        },
        "security": [{"key": []}],
    }


def _components(docs: Iterable[RouteDoc]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the reference of each type by name, and the schemas they refer to."""
    types = {
        str(type_): type_
        for doc in docs
        for type_ in (doc.body, *doc.responses.values())
        if type_ is not None
    }
    types[str(Problem)] = Problem
    references, components = msgspec.json.schema_components(list(types.values()), ref_template=_REF)
    return dict(zip(types, references, strict=True)), dict(sorted(components.items()))


def _operation(
    route: HTTPRoute, handler: HTTPRouteHandler, doc: RouteDoc, references: Mapping[str, Any]
) -> dict[str, Any]:
    summary, _, description = cleandoc(handler.fn.__doc__ or "").partition("\n\n")
    path_parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in route.path_parameters
    ]
    operation: dict[str, Any] = {
        "operationId": handler.fn.__name__,
        "summary": summary.removesuffix("."),
        "description": description,
        "tags": [_tag(route.path_format)],
        "parameters": [*path_parameters, *(parameter.as_dict() for parameter in doc.parameters)],
        "responses": _responses(doc, references),
    }
    if doc.body is not None:
        content = {"application/json": {"schema": references[str(doc.body)]}}
        operation["requestBody"] = {"required": doc.body_required, "content": content}
    if handler.opt.get("public"):
        operation["security"] = []
    return operation


def _tag(path: str) -> str:
    """Return the resource that a path is about."""
    return path.removeprefix("/api/v1/").partition("/")[0] or "service"


def _responses(doc: RouteDoc, references: Mapping[str, Any]) -> dict[str, Any]:
    successes = {
        str(status): _success(status, type_, doc, references) for status, type_ in doc.responses.items()
    }
    problem = {MEDIA_TYPE: {"schema": references[str(Problem)]}}
    errors = {
        str(status): {"description": _PROBLEM_TEXTS[HTTPStatus(status)], "content": problem}
        for status in sorted({*_ALWAYS, *doc.problems})
    }
    return successes | errors


def _success(status: int, type_: Any, doc: RouteDoc, references: Mapping[str, Any]) -> dict[str, Any]:
    response = {"description": HTTPStatus(status).phrase}
    if type_ is None:
        return response
    return {**response, "content": {doc.media_type: {"schema": references[str(type_)]}}}
