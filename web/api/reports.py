"""What happened: statistics of the attempts, and what people did."""

from typing import Final

from litestar import get
from litestar.response import Response

from breakwater.web.api.parameters import (
    CURSOR,
    LIMIT,
    ApiRequest,
    identified,
    limit_of,
    of_the_address,
    parameters,
    runtime_of,
    whole,
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
            Parameter("endpoint", "Of this endpoint alone.", _TEXT),
            Parameter("minutes", "How far back.", _MINUTES),
        ),
    ),
)
async def stats(request: ApiRequest) -> Response[bytes]:
    """Count the attempts of the last minutes by outcome, with their latencies."""
    values = parameters(request, {"endpoint", "minutes"})
    minutes = whole(values, "minutes", 60, 1, MINUTES_MAX)
    runtime = runtime_of(request)
    endpoint_id = values.get("endpoint")
    if endpoint_id is not None:
        endpoint_id = (await runtime.endpoints.get(identified("endpoint", endpoint_id))).id
    return render.answer(reports.stats(await runtime.queries.traffic.get(endpoint_id, minutes)))


@get(
    "/audit",
    guards=[requires("read")],
    opt=documented(
        {200: responses.ListOf[reports.AuditEntry]},
        parameters=(
            Parameter("actor", "Who: `person:ada` or `key:ci`.", _TEXT),
            Parameter("action", "What: `circuit.reset`.", _TEXT),
            Parameter("subject", "The id of what was acted on.", _TEXT),
            CURSOR,
            LIMIT,
        ),
    ),
)
async def audit(request: ApiRequest) -> Response[bytes]:
    """List what people and keys did, newest first."""
    values = parameters(request, {"actor", "action", "subject", "cursor", "limit"})
    limit = limit_of(values)
    by = {name: values.get(name) for name in ("actor", "action", "subject")}
    with of_the_address():
        page = await runtime_of(request).queries.audit.list(values.get("cursor"), limit, **by)
    return render.list_of([reports.audit_entry(entry) for entry in page.items], page.next_cursor)


REPORTS: Final = [stats, audit]
