"""What an operator does to one thing, for a reason that the body may give."""

from typing import Any, Final, Protocol

from litestar.response import Response

from breakwater.core.operations import OperationResult
from breakwater.web.api.parameters import ApiRequest, actor_of, identified
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema.openapi import documented

REASON_BODY: Final[dict[str, Any]] = documented(
    {200: responses.OperationResult},
    body=bodies.WithReason,
    body_required=False,
    problems=(404, 409, 413, 422, 503),
)
"""How such a route is documented."""


class Operation(Protocol):
    """One of the operations of the engine."""

    async def __call__(self, subject: str, /, *, actor: str, reason: str | None) -> OperationResult: ...


async def run_operation(request: ApiRequest, deed: Operation, kind: str, given: str) -> Response[bytes]:
    """Do it to the `kind` of thing whose id is `given`, and answer what came of it."""
    body = await bodies.read_optional_body(request, bodies.WithReason)
    subject = identified(kind, given)
    return render.done(await deed(subject, actor=actor_of(request), reason=bodies.reason_of(body)))
