"""The web application: routes, guards, error responses and middleware around one runtime."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.response import Redirect, Response
from litestar.routes import HTTPRoute

from breakwater.core.distribution import installed_version
from breakwater.core.domain.errors import Unauthorized
from breakwater.core.runtime import Runtime
from breakwater.core.settings import Settings
from breakwater.web.api import API, MESSAGES
from breakwater.web.api.fast_intake import FastIntake
from breakwater.web.api.health import HEALTH
from breakwater.web.api.metrics import Metrics
from breakwater.web.api.schema.openapi import openapi_document
from breakwater.web.live import LIVE, Streams, end_streams
from breakwater.web.pages import PAGES, zones
from breakwater.web.pages.errors import error_page, preserved_form_page
from breakwater.web.pages.fingerprint import static_router
from breakwater.web.pages.reply import path_and_query, wants_fragment
from breakwater.web.pages.sign_in_forms import AUTH_ROUTES
from breakwater.web.pages.templating import load_templates, template_config
from breakwater.web.problems import MEDIA_TYPE, encoded, problem_of
from breakwater.web.security.guards import authenticate
from breakwater.web.security.hosts import AllowedHosts
from breakwater.web.security.middleware import SecurityMiddleware
from breakwater.web.security.rate_limits import RateLimits
from breakwater.web.turns import StartQueue, Turns

ENVELOPE_MAX: Final = 64 * 1024
"""Bytes of a request body in addition to its payload."""
_BODY_MAX: Final = 320 * 1024
"""Bytes of a request body that has no payload."""
_API_PREFIXES: Final = ("/api/", "/health/", "/metrics", "/schema")

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_app(settings: Settings, *, runtime: Runtime | None = None) -> Litestar:
    """Return the application. Its lifespan starts and stops `app.state.runtime`, and raises StartRefused.

    A `runtime` passed by the caller must be open already, and the caller stops it.
    """
    metrics = Metrics()
    turns = Turns()
    app_runtime = runtime or Runtime(settings)
    rate_limits = RateLimits(app_runtime, settings)
    streams = Streams(per_caller=settings.streams_per_caller, total=settings.max_streams)
    body_max = settings.payload_cap + ENVELOPE_MAX
    app = Litestar(
        route_handlers=[
            Router("/api/v1", route_handlers=MESSAGES, request_max_body_size=body_max),
            Router("/api/v1", route_handlers=API),
            *HEALTH,
            *PAGES,
            *LIVE,
            *AUTH_ROUTES,
            static_router(),
        ],
        guards=[authenticate],
        exception_handlers={Exception: _error_response},
        lifespan=[_lifespan(app_runtime, owned=runtime is None)],
        request_max_body_size=_BODY_MAX,
        state=State(
            {
                "runtime": app_runtime,
                "settings": settings,
                "metrics": metrics,
                "streams": streams,
                "rate_limits": rate_limits,
                "turns": turns,
                "large_batches": asyncio.Semaphore(1),
            }
        ),
        template_config=template_config(),
        openapi_config=None,
        logging_config=None,
    )
    app.state.openapi = msgspec.json.encode(openapi_document(app, installed_version() or "0"))
    inner = StartQueue(zones.InReaderZone(app.asgi_handler, _API_PREFIXES), turns)
    intake = FastIntake(inner, app_runtime, rate_limits.messages, body_max)
    app.asgi_handler = SecurityMiddleware(
        intake,
        AllowedHosts(settings),
        _methods(app),
        metrics.observe,
        https_only=bool(settings.base_url and settings.base_url.startswith("https:")),
    )
    return app


def _methods(app: Litestar) -> dict[str, str]:
    """Return the Allow header of each route, by path template."""
    return {
        route.path_format: ", ".join(sorted(route.methods))
        for route in app.routes
        if isinstance(route, HTTPRoute)
    }


def _lifespan(runtime: Runtime, *, owned: bool) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        if owned:
            await runtime.start()
        caches = asyncio.create_task(_fill_caches(app))
        try:
            yield
        finally:
            caches.cancel()
            end_streams(app)
            if owned:
                await runtime.stop()

    return lifespan


async def _fill_caches(app: Litestar) -> None:
    """Read zones and templates from files, beside the first requests, so that neither the start nor a page waits."""
    await asyncio.to_thread(zones.offered)
    await asyncio.to_thread(load_templates, app)


def _error_response(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Return the response to an error: a problem document for programs, a page for browsers."""
    problem, headers = problem_of(error)
    if request.url.path.startswith(_API_PREFIXES):
        return Response(encoded(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
    if isinstance(error, Unauthorized) and _is_page_request(request):
        return Redirect(f"/sign-in?next={quote(path_and_query(request), safe='')}", status_code=303)
    if isinstance(error, Unauthorized) and request.url.path == "/sign-out":
        return Redirect("/sign-in?next=%2F", status_code=303)  # already signed out
    page = preserved_form_page(request, error) or error_page(request, error)
    page.headers.update(headers)
    return page


def _is_page_request(request: Request[Any, Any, Any]) -> bool:
    """Return whether a browser opens a whole page, as opposed to a fragment or a stream."""
    streaming = "text/event-stream" in request.headers.get("accept", "")
    return request.method == "GET" and not wants_fragment(request) and not streaming
