"""Run an operation on one resource, with the reason that the request body can give."""

from typing import Any, Final, Protocol

from litestar.response import Response

from breakwater.core.operations import OperationResult
from breakwater.web.api.parameters import ApiRequest, actor_of, checked_id
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema.openapi import documented

REASON_BODY: Final[dict[str, Any]] = documented(
    {200: responses.OperationResult},
    body=bodies.WithReason,
    body_required=False,
    problems=(404, 409, 413, 415, 422, 503),
)
"""The documentation of a route that runs an operation."""


class Operation(Protocol):
    """An operation on one resource, such as resetting a circuit."""

    async def __call__(self, subject: str, /, *, actor: str, reason: str | None) -> OperationResult: ...


async def run_operation(
    request: ApiRequest, operation: Operation, kind: str, subject_id: str
) -> Response[bytes]:
    """Run `operation` on the `kind` of resource with the id `subject_id`, and return its result."""
    body = await bodies.read_optional_body(request, bodies.WithReason)
    subject = checked_id(kind, subject_id)
    result = await operation(subject, actor=actor_of(request), reason=bodies.reason_of(body))
    return render.operation_result(result)
