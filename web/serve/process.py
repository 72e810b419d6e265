"""Runs the service: takes the port, opens the application, serves until a signal, drains.

The order matters. The port comes first: a busy one is told before the database is touched. The service is started
here rather than in the application's lifespan under uvicorn, so that a refused start is the sentence that it
carries, and not a logged traceback. A signal ends the listening first and the delivering last.
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

from breakwater.core.domain.errors import StartRefused
from breakwater.core.runtime import Runtime
from breakwater.core.settings import Settings
from breakwater.web.app import create_app
from breakwater.web.live import end_streams
from breakwater.web.receiver import Receiver
from breakwater.web.serve.example import allowing, example_receiver
from breakwater.web.serve.first_start import Welcome, welcome
from breakwater.web.serve.http_limits import LimitedHttpProtocol, sweep
from breakwater.web.serve.signals import StopSignal

log = structlog.get_logger("breakwater.serving")

_BACKLOG: Final = 2_048
_IDLE_SECONDS: Final = 75
"""How long a kept connection may idle: longer than the 60 of common proxies, so that they close it, not we."""
_LAST_RESPONSES_SECONDS: Final = 2
"""How long answers under way may take after a signal; live streams never end by themselves."""
_COLLECTIONS: Final = (10_000, 10, 20)
"""Net allocations between two collections of young objects, and how many of those precede one of the older. With
Python's own (700, 10, 10) one page in twenty waited 70 ms for a collection of everything that pages are made from."""

Announce = Callable[[Welcome], None]


class SidecarTask(Protocol):
    """Something that goes on while the service runs, such as the demo's traffic."""

    async def prepare(self, runtime: Runtime) -> None:
        """Set things right before anything is sent."""

    async def __call__(self, app: Litestar, settings: Settings, /) -> None:
        """Go on until cancelled."""


async def serve(settings: Settings, announce: Announce, beside: SidecarTask | None = None) -> None:
    """Serve until SIGTERM or SIGINT; the second signal ends at once what is still draining.

    A signal while it starts ends the start. `announce` is called once requests are served. Raises `StartRefused`.
    """
    stop = StopSignal()
    try:
        await _listen_and_serve(settings, announce, beside, stop)
    except asyncio.CancelledError:
        if not stop.ended_start:
            raise
        log.info("service.stopped", while_starting=True)


async def _listen_and_serve(
    settings: Settings, announce: Announce, beside: SidecarTask | None, stop: StopSignal
) -> None:
    with contextlib.closing(listen(settings)) as listener:
        async with example_receiver(settings) as receiver:
            at_its_port = settings.model_copy(update={"port": listener.getsockname()[1]})
            await _serve(allowing(at_its_port, receiver), listener, receiver, announce, beside, stop=stop)


async def _serve(
    settings: Settings,
    listener: socket.socket,
    receiver: Receiver | None,
    announce: Announce,
    beside: SidecarTask | None,
    *,
    stop: StopSignal,
) -> None:
    async with _opened(settings) as runtime:
        greeting = await welcome(runtime, receiver)
        if beside is not None:
            await beside.prepare(runtime)
        await runtime.deliver()
        app = create_app(settings, runtime=runtime)
        async with app.lifespan(), _beside(beside, app, settings):
            await _answer(app, settings, listener, lambda: announce(greeting), stop)
        log.info("service.draining", seconds=settings.drain_seconds)
    log.info("service.stopped")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Runtime]:
    """Run the service, not delivering yet.

    Endpoints whose receiver has moved are pointed at it first: what is due would go to where nothing of ours listens.
    """
    runtime = Runtime(settings)
    await runtime.open()
    try:
        yield runtime
    finally:
        await runtime.stop()


def listen(settings: Settings) -> socket.socket:
    """Take the address and port. Raises `StartRefused` with the remedy."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as failed:
        raise StartRefused(_no_listening(settings, failed)) from None


def _no_listening(settings: Settings, failed: OSError) -> str:
    reason = (failed.strerror or str(failed)).lower()
    match failed.errno:
        case errno.EADDRINUSE:
            remedy = "Stop the program that uses it, or choose another with --port (BREAKWATER_PORT)"
        case errno.EACCES:
            remedy = "Choose a port from 1024 on with --port (BREAKWATER_PORT), and put a proxy before it"
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end_streams(self._app)  # else a live page would hold the end up until the limit
        await super().shutdown(sockets)
        if self._sweep is not None:
            self._sweep.cancel()


async def _answer(
    app: Litestar,
    settings: Settings,
    listener: socket.socket,
    started: Callable[[], None],
    stop: StopSignal,
) -> None:
    server = _Server(app, settings, started)
    stop.serving(server)
    gc.set_threshold(*_COLLECTIONS)
    gc.freeze()  # what start-up made lives as long as the process: no collection needs to look at it
    await server.serve([listener])


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
        timeout_graceful_shutdown=_LAST_RESPONSES_SECONDS,
    )


@asynccontextmanager
async def _beside(beside: SidecarTask | None, app: Litestar, settings: Settings) -> AsyncIterator[None]:
    if beside is None:
        yield
        return
    task = asyncio.ensure_future(beside(app, settings))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
