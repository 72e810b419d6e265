"""The library's sender, on httpx, so that programs can test with `respx` and any other httpx transport.

A connection serves one request: httpx 0.28 would take bytes that follow a response for the next response. Requests go
to the transport directly and not through a client, which would store cookies and log whole URLs.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter
from typing import Final, cast

import httpcore
import httpx

from breakwater.core.domain.outcome import (
    RESPONSE_BODY_CAP,
    RESPONSE_HEADERS_CAP,
    Headers,
    Outcome,
    Response,
    TransportFailure,
    cap_headers,
)
from breakwater.core.domain.shortage import resource_of
from breakwater.core.egress import failures
from breakwater.core.egress.failures import InvalidHttp, RequestBlocked, TransportError
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.httpx.failures import failure_of
from breakwater.core.egress.httpx.network import GuardedNetwork
from breakwater.core.egress.limits import BODY_GRACE, CONNECT_LIMIT, connect_timeout, shorten_deadline
from breakwater.core.egress.trust import tls_context, validate_roots
from breakwater.core.egress.user_agent import COMMON_HEADERS, USER_AGENT
from breakwater.core.ports import OutboundRequest

_SWITCHING_PROTOCOLS: Final = 101


class PinnedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over the guarded network, without persistent connections and without proxies."""

    def __init__(self, guard: Guard, *, body_limit: int, added_roots: bytes | None) -> None:
        context = tls_context(validate_roots(added_roots))
        super().__init__(verify=context, trust_env=False)
        # httpx has no public option for the network backend of httpcore; 0.28 (pinned) has its pool in this attribute.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=GuardedNetwork(guard, body_limit=body_limit),
        )


class HttpxSender:
    """A `breakwater.core.ports.Sender` for few concurrent requests."""

    def __init__(
        self,
        guard: Guard,
        user_agent: str = USER_AGENT,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        body_cap: int = RESPONSE_BODY_CAP,
        headers_cap: int = RESPONSE_HEADERS_CAP,
        body_grace: float = BODY_GRACE,
        connect_limit: float = CONNECT_LIMIT,
        added_roots: bytes | None = None,
    ) -> None:
        """Create a sender.

        Args:
            guard: resolves hosts and checks every address.
            user_agent: the User-Agent of requests that do not set their own.
            transport: replaces the guarded network; then only addresses that are written in URLs are checked.
            body_cap: bytes of a response body that are stored.
            headers_cap: bytes of the response headers that are stored.
            body_grace: seconds that a body may take after its headers.
            connect_limit: seconds that connecting may take, including the TLS handshake.
            added_roots: PEM certificates of authorities to trust in addition to the system's.

        """
        self._guard = guard
        self._transport = transport or PinnedTransport(guard, body_limit=body_cap, added_roots=added_roots)
        self._body_cap = body_cap
        self._headers_cap = headers_cap
        self._body_grace = body_grace
        self._connect_limit = connect_limit
        self._common = (*COMMON_HEADERS, ("User-Agent", user_agent), ("Connection", "close"))
        _silence_loggers()

    async def send(self, request: OutboundRequest) -> Outcome:
        """Make one request and return its outcome."""
        started = perf_counter()
        response: httpx.Response | None = None
        body = bytearray()
        complete = False
        try:
            async with asyncio.timeout(request.timeout) as deadline:
                response = await self._open_response(request)
                shorten_deadline(deadline, self._body_grace)
                complete = await self._read(response, body)
        except TransportError as failure:
            return failure.to_outcome(perf_counter() - started)
        except TimeoutError:
            if response is None:
                return failures.timed_out(request.timeout).to_outcome(perf_counter() - started)
        except Exception as error:
            if (resource := resource_of(error)) is None:
                raise
            return TransportFailure.local_shortage(resource, perf_counter() - started)
        received = tuple(response.headers.multi_items())
        headers = cap_headers(received, self._headers_cap)
        return Response(
            status=response.status_code,
            headers=headers,
            headers_truncated=len(headers) < len(received),
            body=bytes(body[: self._body_cap]),
            body_truncated=not complete,
            elapsed=perf_counter() - started,
        )

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def _open_response(self, request: OutboundRequest) -> httpx.Response:
        target = request.target
        if target.literal is not None:
            self._guard.check_address(target.literal, target.port)
        wire_request = self._wire_request(request)
        try:
            response = await self._transport.handle_async_request(wire_request)
        except httpx.TransportError as error:
            failures.raise_if_shortage(error)
            raise failure_of(error, target, request.timeout) from error
        except TransportError:
            raise
        except Exception as error:  # the client cannot represent something in the head
            failures.raise_if_shortage(error)
            raise InvalidHttp(str(error) or type(error).__name__) from error
        if response.status_code == _SWITCHING_PROTOCOLS:
            await response.aclose()
            raise failures.unexpected_upgrade()
        return response

    def _wire_request(self, request: OutboundRequest) -> httpx.Request:
        limit = connect_timeout(request.timeout, self._connect_limit)
        try:
            return httpx.Request(
                "POST",
                request.target.url,
                # httpx would derive Host by decoding the name, which fails for names that UTS 46 allows.
                headers=[
                    ("Host", request.target.origin.partition("//")[2]),
                    *request.headers,
                    *self._defaults_for(request.headers),
                ],
                content=request.body,
                extensions={"timeout": {"connect": limit}},
            )
        except (ValueError, httpx.InvalidURL) as error:
            raise RequestBlocked(f"the request cannot be sent: {error}") from error

    def _defaults_for(self, headers: Headers) -> Headers:
        names = {name.lower() for name, _ in headers}
        return tuple((name, value) for name, value in self._common if name.lower() not in names)

    async def _read(self, response: httpx.Response, body: bytearray) -> bool:
        """Read up to the cap into `body` without decompressing it, and close. Return whether the body is complete."""
        stream = cast("httpx.AsyncByteStream", response.stream)
        try:
            async with aclosing(cast("AsyncGenerator[bytes, None]", aiter(stream))) as pieces:
                async for piece in pieces:
                    body += piece
                    if len(body) > self._body_cap:
                        return False
        except Exception:  # noqa: BLE001 -- the head has decided the outcome, however the body ends
            return False
        finally:
            await stream.aclose()
        return True


def _silence_loggers() -> None:
    """Keep httpx's own lines out of the log: they contain whole URLs, whose query values can be secrets."""
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)
