"""Liveness, readiness, metrics and the OpenAPI document."""

import re
from typing import Any, Final

from litestar import get
from litestar.enums import MediaType
from litestar.response import Response

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.health import TaskHealth
from breakwater.web.api.metrics import Metrics
from breakwater.web.api.parameters import ApiRequest, runtime_of
from breakwater.web.api.schema import render, responses
from breakwater.web.api.schema.openapi import documented
from breakwater.web.security.guards import PUBLIC, requires

_PUBLIC_LENGTH: Final = 200
"""Characters of an error in the health, which needs no credential."""
_PATH_OR_URL: Final = re.compile(
    r"[a-z][a-z0-9+.-]*:/+[^\s'\"]*|(?:[A-Za-z]:|[.~])?[/\\][^\s'\":;,()]+", re.IGNORECASE
)
_EXPOSITION: Final = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"


@get("/health/live", opt={**PUBLIC, **documented({200: responses.Health})})
async def live() -> Response[bytes]:
    """Check that the process responds. Restart it if it does not."""
    return render.respond(responses.Health("alive"))


@get("/health/ready", opt={**PUBLIC, **documented({200: responses.Health, 503: responses.Health})})
async def ready(request: ApiRequest) -> Response[bytes]:
    """Check that every background task runs and the database can be read. A 503 names the failed ones.

    `notices` name what limits the service, such as a shortage of file descriptors. They do not make it unready:
    messages are accepted, and another process would not free anything.
    """
    loops = [_loop(health) for health in runtime_of(request).health()]
    loops.append(await _database_health(request))
    is_ready = all(loop.healthy for loop in loops)
    health = responses.Health(
        "ready" if is_ready else "unhealthy", loops, list(runtime_of(request).notices())
    )
    return render.respond(health, 200 if is_ready else 503)


@get("/metrics", guards=[requires("read")], opt=documented({200: str}, media_type="text/plain"))
async def metrics(request: ApiRequest) -> Response[bytes]:
    """Get the metrics of the process and its deliveries in the Prometheus text format."""
    app_metrics: Metrics = request.app.state.metrics
    return Response(await app_metrics.exposition(runtime_of(request)), media_type=_EXPOSITION)


@get(["/schema", "/schema/openapi.json"], guards=[requires("read")])
async def schema(request: ApiRequest) -> Response[Any]:
    """Get the OpenAPI document."""
    return Response(request.app.state.openapi, media_type=MediaType.JSON)


HEALTH: Final = [live, ready, metrics, schema]


def _loop(health: TaskHealth) -> responses.Loop:
    last_error = None if health.last_error is None else _public(health.last_error)
    return responses.Loop(health.name, health.healthy, health.restarts, last_error)


async def _database_health(request: ApiRequest) -> responses.Loop:
    try:
        await runtime_of(request).queries.circuits.transitions(limit=1)
    except StoreUnavailable as unavailable:
        return responses.Loop("reading", False, 0, _public(str(unavailable)))
    return responses.Loop("reading", True, 0, None)


def _public(error: str) -> str:
    """Return an error without what only operators may know: paths, addresses, and the lines after its first."""
    first_line = error.partition("\n")[0][:_PUBLIC_LENGTH]
    return _PATH_OR_URL.sub("…", first_line)
