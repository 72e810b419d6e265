"""The server's wire: pyreqwest (Rust), about 30 µs of Python's thread a request (`bench/senders.py`).

Everything slow happens elsewhere: names are resolved and clients built in threads, sockets and TLS are Rust's.
"""

import asyncio
from datetime import timedelta
from time import perf_counter
from typing import Final

from pyreqwest.client import Client
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import StreamRequest

from breakwater.core.domain.outcome import RESPONSE_BODY_CAP, Outcome
from breakwater.core.egress import failures
from breakwater.core.egress.failures import ConnectFailed, Refused, TransportError, place
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.limits import BODY_GRACE, CONNECT_LIMIT, bring_forward
from breakwater.core.egress.reqwest.clients import IDLE_PER_HOST, Clients, PinnedAddress, wire_url
from breakwater.core.egress.reqwest.failures import Dialled, failure_of
from breakwater.core.egress.reqwest.pinning import ConnectionPlan
from breakwater.core.egress.reqwest.response import Answer
from breakwater.core.egress.trust import checked_roots
from breakwater.core.egress.user_agent import USER_AGENT
from breakwater.core.ports import OutboundRequest

MAX_CLIENTS: Final = 1024
_SWITCHING_PROTOCOLS: Final = 101
_EMPTY: Final = ("Content-Length", "0")
"""reqwest leaves the length of nothing out, and some servers answer that with 411."""
_SLACK: Final = 0.1
"""Seconds by which Python's deadline is later than Rust's, which can tell in which phase it struck."""
_SHORTEST: Final = 0.001
"""Seconds that Rust is given when resolving took nearly all: zero would mean something else."""


class ReqwestSender:
    """A `breakwater.core.ports.Sender` for many requests at once, with kept connections. Belongs to one event loop.

    A cancelled request is abandoned, not aborted: reqwest goes on with it until its deadline, so the receiver may
    still get it. Bytes that follow a response end its connection, as long as they are noticed before the next request
    goes out; from then on no client of HTTP/1.1 can tell whose answer they are. So an answer that is no success ends
    the keeping of its origin's connections for a while (`reqwest_distrust`).
    """

    def __init__(
        self,
        guard: Guard,
        user_agent: str = USER_AGENT,
        *,
        body_cap: int = RESPONSE_BODY_CAP,
        body_grace: float = BODY_GRACE,
        connect_limit: float = CONNECT_LIMIT,
        max_clients: int = MAX_CLIENTS,
        idle_per_host: int = IDLE_PER_HOST,
        added_roots: bytes | None = None,
    ) -> None:
        """Make a sender.

        Args:
            guard: judges and resolves every address that is dialled.
            user_agent: what requests say unless their own headers say otherwise.
            body_cap: bytes of a response body that are kept.
            body_grace: seconds that a body may take after its headers.
            connect_limit: seconds that connecting may take at most, the TLS handshake included.
            max_clients: pairs of host and address for which connections are kept; about 0.13 MB each.
            idle_per_host: connections to one host that are kept for the next request; with 0 each is used once.
            added_roots: PEM certificates of authorities to believe beside the system's.

        """
        self._guard = guard
        self._body_cap = body_cap
        self._body_grace = body_grace
        self._clients = Clients(
            user_agent, limit=max_clients, idle_per_host=idle_per_host, added_roots=checked_roots(added_roots)
        )
        self._dials = ConnectionPlan(self._clients, connect_limit, kept=2 * max_clients)

    async def send(self, request: OutboundRequest) -> Outcome:
        """Make one request and say what came of it."""
        started = perf_counter()
        answer: Answer | None = None
        try:
            async with asyncio.timeout(request.timeout + _SLACK) as deadline:
                answer = await self._ask(request, started)
                bring_forward(deadline, self._body_grace)
                await answer.read(self._body_cap)
        except TransportError as failure:
            return failure.after(perf_counter() - started)
        except TimeoutError:
            if answer is None:
                return failures.deadline_passed(request.timeout).after(perf_counter() - started)
        return await answer.outcome(self._body_cap, started)

    async def close(self) -> None:
        """Close every kept connection."""
        await self._clients.close()

    async def _ask(self, request: OutboundRequest, started: float) -> Answer:
        """Return the answer of the first address that takes the connection."""
        addresses = await self._guard.addresses(request.target, request.timeout)
        *others, last = self._dials.of(request.target, request.timeout, addresses)
        for dial in others:
            try:
                return await self._exchange(request, dial, started)
            except ConnectFailed:
                self._clients.drop(dial)
        return await self._exchange(request, last, started)

    async def _exchange(self, request: OutboundRequest, dial: PinnedAddress, started: float) -> Answer:
        client = self._clients.kept(dial) or await self._clients.built(dial)
        left = max(_SHORTEST, request.timeout - (perf_counter() - started))
        streamed = _streamed(client, request, left)
        try:
            response = await streamed.__aenter__()
        except PyreqwestError as error:
            raise failure_of(error, _dialled(request, dial)) from error
        self._dials.on_response(request.target, response.status)
        if response.status == _SWITCHING_PROTOCOLS:
            await streamed.__aexit__(None, None, None)
            raise failures.switched_protocols()
        return Answer(streamed, response)


def _streamed(client: Client, request: OutboundRequest, seconds: float) -> StreamRequest:
    headers = request.headers if request.body else (*request.headers, _EMPTY)
    try:
        return (
            client.post(wire_url(request.target))
            .headers(headers)
            .body_bytes(request.body)
            .timeout(timedelta(seconds=seconds))
            .streamed_read_buffer_limit(0)  # or it waits for the body before it shows the headers
            .build_streamed()
        )
    except ValueError as error:
        raise Refused(f"the request cannot be sent: {error}") from error


def _dialled(request: OutboundRequest, dial: PinnedAddress) -> Dialled:
    where = place(dial.address, request.target.port)
    secure = request.target.scheme == "https"
    return Dialled(request.target.host, where, secure, request.timeout, dial.connect_limit)
