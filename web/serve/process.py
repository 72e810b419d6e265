"""Run the service: bind the port, open the application, serve until a signal, drain.

The order matters. The port comes first, so that a port in use is reported before the database is opened. The runtime
starts here and not in the application's lifespan under uvicorn, so that a refused start ends with its one-line reason
and not with a logged traceback. After a signal the service stops listening first and stops delivering last.
"""

import asyncio
import contextlib
import errno
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

import structlog
import uvicorn
from litestar import Litestar

from breakwater.core.domain.descriptors import plan_descriptors
from breakwater.core.domain.errors import StartRefused
from breakwater.core.runtime import Runtime
from breakwater.core.settings import Settings
from breakwater.web.app import create_app
from breakwater.web.live import end_streams, streams_of
from breakwater.web.receiver import Receiver
from breakwater.web.serve.descriptors import descriptor_limit, raise_descriptor_limit
from breakwater.web.serve.example import allow_receiver, example_receiver
from breakwater.web.serve.first_start import Welcome, welcome
from breakwater.web.serve.http_limits import LimitedHttpProtocol, max_connections, sweep
from breakwater.web.serve.signals import StopSignal

log = structlog.get_logger("breakwater.serving")

_BACKLOG: Final = 2_048
_ACCEPTORS: Final = 8
"""Times the port is watched. The event loop takes one connection per turn from each, and serves the others first."""
_IDLE_SECONDS: Final = 75
"""Keep-alive timeout: longer than the 60 s of common proxies, so that the proxy closes an idle connection first."""
_RESPONSE_DRAIN_SECONDS: Final = 2
"""Time for responses in flight after a signal; live streams never end by themselves."""
_GC_THRESHOLDS: Final = (10_000, 10, 20)
"""Garbage collection thresholds. Python's defaults collect the oldest generation so often that pages wait for it."""

Announce = Callable[[Welcome], None]


class SidecarTask(Protocol):
    """A task that runs next to the service, such as the demo's traffic."""

    async def prepare(self, runtime: Runtime) -> None:
        """Prepare the runtime before delivering starts."""

    async def __call__(self, app: Litestar, settings: Settings, /) -> None:
        """Run until cancelled."""


async def serve(settings: Settings, announce: Announce, sidecar: SidecarTask | None = None) -> None:
    """Serve until SIGTERM or SIGINT. A second signal ends the drain immediately.

    A signal during the start ends the start. `announce` is called once requests are accepted. Raises `StartRefused`.
    """
    stop = StopSignal()
    raise_descriptor_limit()
    try:
        await _listen_and_serve(settings, announce, sidecar, stop)
    except asyncio.CancelledError:
        if not stop.ended_start:
            raise
        log.info("service.stopped", while_starting=True)


async def _listen_and_serve(
    settings: Settings, announce: Announce, sidecar: SidecarTask | None, stop: StopSignal
) -> None:
    with contextlib.closing(listen(settings)) as listener:
        async with example_receiver(settings) as receiver:
            bound_settings = settings.model_copy(update={"port": listener.getsockname()[1]})
            service_settings = allow_receiver(bound_settings, receiver)
            await _serve(service_settings, listener, receiver, announce, sidecar, stop=stop)


async def _serve(
    settings: Settings,
    listener: socket.socket,
    receiver: Receiver | None,
    announce: Announce,
    sidecar: SidecarTask | None,
    *,
    stop: StopSignal,
) -> None:
    async with _opened(settings) as runtime:
        greeting = await welcome(runtime, receiver)
        if sidecar is not None:
            await sidecar.prepare(runtime)
        await runtime.deliver()
        app = create_app(settings, runtime=runtime)
        streams_of(app).limit_total(max_connections() // 2)  # the others are for requests
        async with app.lifespan(), _running_sidecar(sidecar, app, settings):
            await _serve_requests(app, settings, listener, lambda: announce(greeting), stop)
        log.info("service.draining", seconds=settings.drain_seconds)
    log.info("service.stopped")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Runtime]:
    """Open the runtime without delivering.

    Endpoints of the example and demo receivers get their new port first; due deliveries would go to the old one.
    """
    budget = plan_descriptors(descriptor_limit(), settings.max_in_flight)
    if budget.notice is not None:
        log.warning(
            "limits.adjusted",
            descriptors=budget.limit,
            max_in_flight=budget.attempts,
            configured=budget.requested_attempts,
            api_connections=budget.api_connections,
            keep_connections=budget.keep_connections,
            reason=budget.notice,
        )
    runtime = Runtime(settings, budget=budget)
    await runtime.open()
    try:
        yield runtime
    finally:
        await runtime.stop()


def listen(settings: Settings) -> socket.socket:
    """Bind the address and port. Raises `StartRefused` with the remedy."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise StartRefused(_bind_failure(settings, error)) from None


def _bind_failure(settings: Settings, error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    match error.errno:
        case errno.EADDRINUSE:
            remedy = "Stop the program that uses it, or choose another port with --port (BREAKWATER_PORT)"
        case errno.EACCES:
            remedy = "Choose a port of 1024 or higher with --port (BREAKWATER_PORT), and put a proxy in front"
        case _:
            remedy = "Choose an address of this machine with --host (BREAKWATER_HOST)"
    return f"Cannot listen on {settings.host} port {settings.port}: {reason}. {remedy}."


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process before the drain."""

    def __init__(self, app: Litestar, settings: Settings, started: Callable[[], None]) -> None:
        super().__init__(_config(app, settings))
        self._app = app
        self._on_started = started
        self._sweep: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._sweep = asyncio.create_task(sweep(self.server_state.connections), name="http-deadlines")
        self._on_started()
        if self.should_exit:  # uvicorn would return without closing what listens
            await self.shutdown(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end_streams(self._app)  # an open stream would delay the shutdown until the time limit
        await super().shutdown(sockets)
        if self._sweep is not None:
            self._sweep.cancel()


async def _serve_requests(
    app: Litestar,
    settings: Settings,
    listener: socket.socket,
    started: Callable[[], None],
    stop: StopSignal,
) -> None:
    server = _Server(app, settings, started)
    stop.serving(server)
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.freeze()  # objects created at start live as long as the process; collections can skip them
    await server.serve([listener, *(listener.dup() for _ in range(_ACCEPTORS - 1))])


def _config(app: Litestar, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=LimitedHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_RESPONSE_DRAIN_SECONDS,
    )


@asynccontextmanager
async def _running_sidecar(
    sidecar: SidecarTask | None, app: Litestar, settings: Settings
) -> AsyncIterator[None]:
    if sidecar is None:
        yield
        return
    task = asyncio.ensure_future(sidecar(app, settings))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
