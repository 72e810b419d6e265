"""The library's wire: httpx, so that `respx` and any other httpx transport work with what is built on it.

A connection is used once: httpx 0.28 would let bytes that follow a response answer the next request. Requests go to
the transport itself and not through a client, which would keep cookies and log whole URLs.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter
from typing import Final, cast

import httpcore
import httpx

from breakwater.core.domain.outcome import RESPONSE_BODY_CAP, Headers, Outcome, Response
from breakwater.core.egress import failures
from breakwater.core.egress.failures import Refused, TransportError
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.httpx.failures import failure_of
from breakwater.core.egress.httpx.network import JudgedNetwork
from breakwater.core.egress.limits import BODY_GRACE, CONNECT_LIMIT, bring_forward, connecting_seconds
from breakwater.core.egress.trust import checked_roots, tls_context
from breakwater.core.egress.user_agent import COMMON_HEADERS, USER_AGENT
from breakwater.core.ports import OutboundRequest

_SWITCHING_PROTOCOLS: Final = 101


class PinnedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a network that dials only judged addresses; no kept connection, no proxy."""

    def __init__(self, guard: Guard, *, body_limit: int, added_roots: bytes | None) -> None:
        context = tls_context(checked_roots(added_roots))
        super().__init__(verify=context, trust_env=False)
        # httpx has no public way to hand httpcore a network; 0.28 (pinned) keeps its pool here.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=JudgedNetwork(guard, body_limit=body_limit),
        )


class HttpxSender:
    """A `breakwater.core.ports.Sender` for few requests at a time."""

    def __init__(
        self,
        guard: Guard,
        user_agent: str = USER_AGENT,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        body_cap: int = RESPONSE_BODY_CAP,
        body_grace: float = BODY_GRACE,
        connect_limit: float = CONNECT_LIMIT,
        added_roots: bytes | None = None,
    ) -> None:
        """Make a sender.

        Args:
            guard: judges and resolves every address that is dialled.
            user_agent: what requests say unless their own headers say otherwise.
            transport: used instead of the guarded network; then only addresses written in URLs are judged.
            body_cap: bytes of a response body that are kept.
            body_grace: seconds that a body may take after its headers.
            connect_limit: seconds that connecting may take at most, the TLS handshake included.
            added_roots: PEM certificates of authorities to believe beside the system's.

        """
        self._guard = guard
        self._transport = transport or PinnedTransport(guard, body_limit=body_cap, added_roots=added_roots)
        self._body_cap = body_cap
        self._body_grace = body_grace
        self._connect_limit = connect_limit
        self._common = (*COMMON_HEADERS, ("User-Agent", user_agent), ("Connection", "close"))
        _silence_loggers()

    async def send(self, request: OutboundRequest) -> Outcome:
        """Make one request and say what came of it."""
        started = perf_counter()
        response: httpx.Response | None = None
        body = bytearray()
        whole = False
        try:
            async with asyncio.timeout(request.timeout) as deadline:
                response = await self._ask(request)
                bring_forward(deadline, self._body_grace)
                whole = await self._read(response, body)
        except TransportError as failure:
            return failure.after(perf_counter() - started)
        except TimeoutError:
            if response is None:
                return failures.deadline_passed(request.timeout).after(perf_counter() - started)
        return Response(
            status=response.status_code,
            headers=tuple(response.headers.multi_items()),
            body=bytes(body[: self._body_cap]),
            body_truncated=not whole,
            elapsed=perf_counter() - started,
        )

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def _ask(self, request: OutboundRequest) -> httpx.Response:
        target = request.target
        if target.literal is not None:
            self._guard.judge(target.literal, target.port)
        wire_request = self._wire_request(request)
        try:
            response = await self._transport.handle_async_request(wire_request)
        except httpx.TransportError as error:
            raise failure_of(error, target, request.timeout) from error
        if response.status_code == _SWITCHING_PROTOCOLS:
            await response.aclose()
            raise failures.switched_protocols()
        return response

    def _wire_request(self, request: OutboundRequest) -> httpx.Request:
        limit = connecting_seconds(request.timeout, self._connect_limit)
        try:
            return httpx.Request(
                "POST",
                request.target.url,
                headers=[*request.headers, *self._missing(request.headers)],
                content=request.body,
                extensions={"timeout": {"connect": limit}},
            )
        except (ValueError, httpx.InvalidURL) as error:
            raise Refused(f"the request cannot be sent: {error}") from error

    def _missing(self, given: Headers) -> Headers:
        names = {name.lower() for name, _ in given}
        return tuple((name, value) for name, value in self._common if name.lower() not in names)

    async def _read(self, response: httpx.Response, body: bytearray) -> bool:
        """Read up to the cap into `body`, never unpacking it; return whether that was all. Then hang up."""
        stream = cast("httpx.AsyncByteStream", response.stream)
        try:
            async with aclosing(cast("AsyncGenerator[bytes, None]", aiter(stream))) as pieces:
                async for piece in pieces:
                    body += piece
                    if len(body) > self._body_cap:
                        return False
        except (httpx.TransportError, TransportError):
            return False  # cut short after the head: that changes nothing
        finally:
            await stream.aclose()
        return True


def _silence_loggers() -> None:
    """Keep whole URLs, whose query values can be secrets, out of the log: httpx's own lines carry them."""
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)
