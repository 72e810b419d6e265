"""The OpenAPI document, made from the routes themselves: what is documented is what is served."""

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
_ALWAYS: Final = (400, 401, 403)
"""Any address may answer these: a wrong host, no credential, too small a right."""
_PROBLEM_TEXTS: Final = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read, or a parameter means nothing.",
    HTTPStatus.UNAUTHORIZED: "No credential, or not a valid one.",
    HTTPStatus.FORBIDDEN: "The credential does not reach this far.",
    HTTPStatus.NOT_FOUND: "There is no such thing.",
    HTTPStatus.CONFLICT: "The state of the thing does not allow it.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The payload or the body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Fields are wrong; `problems` names each with the remedy.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database cannot be used now; `Retry-After` says when to try again.",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header."""

    name: str
    description: str
    schema: Mapping[str, Any]
    place: str = "query"

    def as_dict(self) -> dict[str, Any]:
        """Return it as OpenAPI writes it."""
        return {
            "name": self.name,
            "in": self.place,
            "required": False,
            "description": self.description,
            "schema": dict(self.schema),
        }


@dataclass(frozen=True, slots=True)
class Doc:
    """What a route takes and answers."""

    answers: Mapping[int, Any]
    """Shape by status; None for an answer without a body."""
    body: Any = None
    body_required: bool = True
    problems: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    media_type: str = "application/json"


def documented(
    answers: Mapping[int, Any],
    *,
    body: Any = None,
    body_required: bool = True,
    problems: tuple[int, ...] = (),
    parameters: tuple[Parameter, ...] = (),
    media_type: str = "application/json",
) -> dict[str, Any]:
    """Return the options of a route that the OpenAPI document tells of."""
    return {_DOC: Doc(answers, body, body_required, problems, parameters, media_type)}


IDEMPOTENCY_KEY: Final = Parameter(
    "Idempotency-Key",
    "The same key and the same message answer as the first time, for 24 hours.",
    {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
    place="header",
)


def openapi_document(app: Litestar, version: str) -> dict[str, Any]:
    """Return the document of every route of `app` that is documented."""
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
            "description": "Delivers webhooks, and shows what is happening to them.",
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


def _components(docs: Iterable[Doc]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the reference of each type by its name, and the schemas that are referred to."""
    kinds = {
        str(kind): kind for doc in docs for kind in (doc.body, *doc.answers.values()) if kind is not None
    }
    kinds[str(Problem)] = Problem
    references, components = msgspec.json.schema_components(list(kinds.values()), ref_template=_REF)
    return dict(zip(kinds, references, strict=True)), dict(sorted(components.items()))


def _operation(
    route: HTTPRoute, handler: HTTPRouteHandler, doc: Doc, references: Mapping[str, Any]
) -> dict[str, Any]:
    summary, _, description = cleandoc(handler.fn.__doc__ or "").partition("\n\n")
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in route.path_parameters
    ]
    operation: dict[str, Any] = {
        "operationId": handler.fn.__name__,
        "summary": summary.removesuffix("."),
        "description": description,
        "tags": [_tag(route.path_format)],
        "parameters": [*in_path, *(parameter.as_dict() for parameter in doc.parameters)],
        "responses": _responses(doc, references),
    }
    if doc.body is not None:
        content = {"application/json": {"schema": references[str(doc.body)]}}
        operation["requestBody"] = {"required": doc.body_required, "content": content}
    if handler.opt.get("public"):
        operation["security"] = []
    return operation


def _tag(path: str) -> str:
    """Return the kind of thing that an address is about."""
    return path.removeprefix("/api/v1/").partition("/")[0] or "service"


def _responses(doc: Doc, references: Mapping[str, Any]) -> dict[str, Any]:
    answered = {str(status): _answer(status, shape, doc, references) for status, shape in doc.answers.items()}
    problem = {MEDIA_TYPE: {"schema": references[str(Problem)]}}
    refused = {
        str(status): {"description": _PROBLEM_TEXTS[HTTPStatus(status)], "content": problem}
        for status in sorted({*_ALWAYS, *doc.problems})
    }
    return answered | refused


def _answer(status: int, shape: Any, doc: Doc, references: Mapping[str, Any]) -> dict[str, Any]:
    described = {"description": HTTPStatus(status).phrase}
    if shape is None:
        return described
    return {**described, "content": {doc.media_type: {"schema": references[str(shape)]}}}
