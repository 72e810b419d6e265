"""The service's sender, on pyreqwest (Rust): it costs Python's thread little for each request.

Everything slow happens elsewhere: hosts are resolved and clients built in threads; sockets and TLS are in Rust.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from pyreqwest.client import Client
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import StreamRequest

from breakwater.core.domain.outcome import RESPONSE_BODY_CAP, RESPONSE_HEADERS_CAP, Outcome, TransportFailure
from breakwater.core.domain.shortage import Resource, resource_of
from breakwater.core.egress import failures
from breakwater.core.egress.failures import (
    ConnectFailed,
    HeadTooLarge,
    InvalidHttp,
    LocalShortage,
    RequestBlocked,
    TransportError,
    raise_if_shortage,
)
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.limits import BODY_GRACE, CONNECT_LIMIT, raise_if_cancelled, shorten_deadline
from breakwater.core.egress.reqwest.client_pool import IDLE_PER_HOST, ClientPool, PinnedAddress, wire_url
from breakwater.core.egress.reqwest.failures import ConnectionAttempt, failure_of
from breakwater.core.egress.reqwest.origins import ExpiringOrigins
from breakwater.core.egress.reqwest.pinning import ConnectionPlan
from breakwater.core.egress.reqwest.response import StreamedResponse
from breakwater.core.egress.trust import validate_roots
from breakwater.core.egress.user_agent import USER_AGENT
from breakwater.core.ports import OutboundRequest

if TYPE_CHECKING:
    from breakwater.core.egress.httpx.sender import HttpxSender

MAX_CLIENTS: Final = 1024
LARGE_HEAD_SECONDS: Final = 3600.0
"""How long requests to an origin use httpx after it sent a head that is too large for reqwest."""
_MIN_REPEAT_SECONDS: Final = 0.1
_SWITCHING_PROTOCOLS: Final = 101
_EMPTY: Final = ("Content-Length", "0")
"""reqwest sends no length for an empty body, and some servers respond to that with 411."""
_TIMEOUT_MARGIN: Final = 0.1
"""Seconds by which Python's deadline is later than Rust's, which knows in which phase it expired."""
_BUILDING_SHARE: Final = 0.5
"""Share of an attempt's timeout that creating its client may take: the receiver gets the rest."""
_MIN_TIMEOUT: Final = 0.001
"""Seconds that Rust gets when resolving used the whole timeout; zero would mean no timeout."""


def _new_httpx_sender(guard: Guard, user_agent: str, **options: Any) -> "HttpxSender":
    """Import httpx for the first large head: most services never receive one."""
    from breakwater.core.egress.httpx.sender import HttpxSender  # noqa: PLC0415  # see above

    return HttpxSender(guard, user_agent, **options)


class ReqwestSender:
    """A `breakwater.core.ports.Sender` for many concurrent requests, with persistent connections. For one event loop.

    A cancelled request is abandoned, not aborted: reqwest continues with it until its deadline, so the receiver may
    still get it. Bytes that follow a response end its connection if they are noticed before the next request is sent;
    after that, no HTTP/1.1 client can tell which request they belong to. So after a response that is not a success,
    the origin's connections are closed after each use for a while (`keep_alive`).

    reqwest reads at most 100 response headers and does not return the status of a larger head. The request is then
    repeated with httpx, which reads more, and for an hour further requests to this origin use httpx directly.
    """

    def __init__(
        self,
        guard: Guard,
        user_agent: str = USER_AGENT,
        *,
        body_cap: int = RESPONSE_BODY_CAP,
        headers_cap: int = RESPONSE_HEADERS_CAP,
        body_grace: float = BODY_GRACE,
        connect_limit: float = CONNECT_LIMIT,
        max_clients: int = MAX_CLIENTS,
        idle_per_host: int = IDLE_PER_HOST,
        added_roots: bytes | None = None,
    ) -> None:
        """Create a sender.

        Args:
            guard: resolves hosts and checks every address.
            user_agent: the User-Agent of requests that do not set their own.
            body_cap: bytes of a response body that are stored.
            headers_cap: bytes of the response headers that are stored.
            body_grace: seconds that a body may take after its headers.
            connect_limit: seconds that connecting may take, including the TLS handshake.
            max_clients: pairs of host and address that have a client with connections of its own.
            idle_per_host: idle connections to one host that stay open; with 0 each connection serves one request.
            added_roots: PEM certificates of authorities to trust in addition to the system's.

        """
        self._guard = guard
        self._body_cap = body_cap
        self._headers_cap = headers_cap
        self._body_grace = body_grace
        self._large_heads = ExpiringOrigins(LARGE_HEAD_SECONDS)
        self._large_head_sender: HttpxSender | None = None
        self._new_large_head_sender = partial(
            _new_httpx_sender,
            guard,
            user_agent,
            body_cap=body_cap,
            headers_cap=headers_cap,
            body_grace=body_grace,
            connect_limit=connect_limit,
            added_roots=added_roots,
        )
        self._clients = ClientPool(
            user_agent,
            limit=max_clients,
            idle_per_host=idle_per_host,
            added_roots=validate_roots(added_roots),
        )
        self._plan = ConnectionPlan(self._clients, connect_limit, max_plans=2 * max_clients)

    async def send(self, request: OutboundRequest) -> Outcome:
        """Make one request and return its outcome."""
        if request.target in self._large_heads:
            return await self._httpx_sender().send(request)
        started = perf_counter()
        response: StreamedResponse | None = None
        try:
            async with asyncio.timeout(request.timeout + _TIMEOUT_MARGIN) as deadline:
                response = await self._open_response(request, started)
                shorten_deadline(deadline, self._body_grace)
                await response.read(self._body_cap)
        except HeadTooLarge as failure:
            return await self._repeat_with_httpx(request, failure, started)
        except TransportError as failure:
            return failure.to_outcome(perf_counter() - started)
        except TimeoutError:
            if response is None:
                return failures.timed_out(request.timeout).to_outcome(perf_counter() - started)
        except Exception as error:
            if (resource := resource_of(error)) is None:
                raise
            return TransportFailure.local_shortage(resource, perf_counter() - started)
        return await response.to_outcome(self._body_cap, self._headers_cap, started)

    async def close(self) -> None:
        """Close every connection."""
        await self._clients.close()
        if self._large_head_sender is not None:
            await self._large_head_sender.close()

    async def _open_response(self, request: OutboundRequest, started: float) -> StreamedResponse:
        """Return the response of the first address that accepts the connection."""
        addresses = await self._guard.resolve_target(request.target, request.timeout)
        *others, last = self._plan.pins_for(request.target, request.timeout, addresses)
        for pinned in others:
            try:
                return await self._exchange(request, pinned, started)
            except ConnectFailed:
                self._clients.discard(pinned)
        return await self._exchange(request, last, started)

    async def _repeat_with_httpx(
        self, request: OutboundRequest, failure: HeadTooLarge, started: float
    ) -> Outcome:
        self._large_heads.add(request.target)
        remaining = request.timeout - (perf_counter() - started)
        if remaining < _MIN_REPEAT_SECONDS:
            return failure.to_outcome(perf_counter() - started)
        outcome = await self._httpx_sender().send(replace(request, timeout=remaining))
        return replace(outcome, elapsed=perf_counter() - started)

    def _httpx_sender(self) -> "HttpxSender":
        if self._large_head_sender is None:
            self._large_head_sender = self._new_large_head_sender()
        return self._large_head_sender

    async def _build_client(self, request: OutboundRequest, pinned: PinnedAddress) -> Client:
        try:
            async with asyncio.timeout(request.timeout * _BUILDING_SHARE):
                return await self._clients.build(pinned)
        except TimeoutError:  # many clients are being created; this one will be there for the next attempt
            raise LocalShortage(Resource.PROCESSOR) from None

    async def _exchange(
        self, request: OutboundRequest, pinned: PinnedAddress, started: float
    ) -> StreamedResponse:
        client = self._clients.get(pinned) or await self._build_client(request, pinned)
        remaining = max(_MIN_TIMEOUT, request.timeout - (perf_counter() - started))
        streamed = _streamed(client, request, remaining)
        try:
            response = await streamed.__aenter__()
        except PyreqwestError as error:
            raise failure_of(error, _connection_attempt(request, pinned)) from error
        except Exception as error:  # the client cannot represent something in the head
            raise_if_shortage(error)
            raise InvalidHttp(str(error) or type(error).__name__) from error
        raise_if_cancelled()
        self._plan.on_response(request.target, response.status)
        if response.status == _SWITCHING_PROTOCOLS:
            await streamed.__aexit__(None, None, None)
            raise failures.unexpected_upgrade()
        return StreamedResponse(streamed, response)


def _streamed(client: Client, request: OutboundRequest, seconds: float) -> StreamRequest:
    headers = request.headers if request.body else (*request.headers, _EMPTY)
    try:
        return (
            client.post(wire_url(request.target))
            .headers(headers)
            .body_bytes(request.body)
            .timeout(timedelta(seconds=seconds))
            .streamed_read_buffer_limit(0)  # with a buffer, the headers are returned only with the body
            .build_streamed()
        )
    except ValueError as error:
        raise RequestBlocked(f"the request cannot be sent: {error}") from error


def _connection_attempt(request: OutboundRequest, pinned: PinnedAddress) -> ConnectionAttempt:
    target = request.target
    return ConnectionAttempt(
        target.host,
        pinned.address,
        target.port,
        secure=target.scheme == "https",
        timeout=request.timeout,
        connect_limit=pinned.connect_limit,
    )
