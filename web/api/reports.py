"""Statistics of attempts, and the audit log."""

from typing import Final

from litestar import get
from litestar.response import Response

from breakwater.web.api.parameters import (
    CURSOR,
    LIMIT,
    ApiRequest,
    checked_id,
    integer,
    limit_of,
    parameters,
    query_errors,
    runtime_of,
)
from breakwater.web.api.schema import render, reports, responses
from breakwater.web.api.schema.openapi import Parameter, documented
from breakwater.web.security.guards import requires

MINUTES_MAX: Final = 31 * 24 * 60
_TEXT: Final = {"type": "string"}
_MINUTES: Final = {"type": "integer", "minimum": 1, "maximum": MINUTES_MAX, "default": 60}


@get(
    "/stats",
    guards=[requires("read")],
    opt=documented(
        {200: reports.Stats},
        problems=(404,),
        parameters=(
            Parameter("endpoint", "Only attempts to this endpoint.", _TEXT),
            Parameter("minutes", "Length of the period in minutes.", _MINUTES),
        ),
    ),
)
async def stats(request: ApiRequest) -> Response[bytes]:
    """Get the attempts of the last minutes by outcome, with response times."""
    values = parameters(request, {"endpoint", "minutes"})
    minutes = integer(values, "minutes", 60, 1, MINUTES_MAX)
    runtime = runtime_of(request)
    endpoint_id = values.get("endpoint")
    if endpoint_id is not None:
        endpoint_id = (await runtime.endpoints.get(checked_id("endpoint", endpoint_id))).id
    return render.respond(reports.stats(await runtime.queries.traffic.get(endpoint_id, minutes)))


@get(
    "/audit",
    guards=[requires("read")],
    opt=documented(
        {200: responses.ListOf[reports.AuditEntry]},
        parameters=(
            Parameter("actor", "Actor, such as `person:ada` or `key:ci`.", _TEXT),
            Parameter("action", "Action, such as `circuit.reset`.", _TEXT),
            Parameter("subject", "Id of the resource.", _TEXT),
            CURSOR,
            LIMIT,
        ),
    ),
)
async def audit(request: ApiRequest) -> Response[bytes]:
    """List the audit log, newest first."""
    values = parameters(request, {"actor", "action", "subject", "cursor", "limit"})
    limit = limit_of(values)
    filters = {name: values.get(name) for name in ("actor", "action", "subject")}
    with query_errors():
        page = await runtime_of(request).queries.audit.list(values.get("cursor"), limit, **filters)
    return render.list_of([reports.audit_entry(entry) for entry in page.items], page.next_cursor)


REPORTS: Final = [stats, audit]
