"""The addresses of names: looked up when needed, kept for seconds."""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from breakwater.core.egress.dns import Addresses, DnsResolver, Resolver
from breakwater.core.egress.failures import Unresolved, seconds

KEPT_SECONDS: Final = 10.0
"""How long addresses are used. Short, because it delays a receiver's move, and a rebound name must be judged again."""
REFRESH_SECONDS: Final = 7.0
"""After this long in use they are looked up again while they still serve: a busy lane never waits for DNS."""
FAILURE_KEPT_SECONDS: Final = 2.0
"""How long a failure stands: one dead name with a thousand deliveries asks the name servers once in that time."""
KEPT_NAMES: Final = 10_000

_NO_SUCH_NAME: Final = frozenset(
    number for name in ("EAI_NONAME", "EAI_NODATA") if (number := getattr(socket, name, None)) is not None
)


def system_resolver(host: str) -> Addresses:
    """Ask the system, which sorts the addresses in the order to try them (RFC 6724). Blocks.

    Raises:
        socket.gaierror: when there is no answer, or no address in it.

    """
    found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


@dataclass(slots=True)
class _Known:
    found: Addresses
    problem: str
    """Why there are none."""
    refresh_at: float
    until: float


class DnsCache:
    """Addresses by name, with a short memory in front of the bounded lookups."""

    def __init__(
        self,
        resolve: Resolver,
        *,
        max_lookups: int,
        per_zone: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lookups = DnsResolver(resolve, max_lookups=max_lookups, per_zone=per_zone)
        self._now = now
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def addresses(self, host: str, deadline_seconds: float) -> Addresses:
        """Return the addresses of `host`, at least one, within `deadline_seconds`.

        Raises:
            Unresolved: when there is none, or no answer in time. The lookup goes on for whoever asks next.

        """
        known = self._known.get(host)
        now = self._now()
        if known is None or known.until <= now:
            known = await self._look_up(host, deadline_seconds)
        elif known.refresh_at <= now:
            known.refresh_at = known.until
            self._begin(host)
        if known.problem:
            raise Unresolved(known.problem)
        return known.found

    async def _look_up(self, host: str, deadline_seconds: float) -> _Known:
        lookup = self._begin(host)
        done, _ = await asyncio.wait((lookup,), timeout=deadline_seconds)
        if not done:
            raise Unresolved(f"resolving the name {host} took longer than {seconds(deadline_seconds)}")
        return self._known.get(host) or self._judged(host, lookup)

    def _begin(self, host: str) -> asyncio.Future[Addresses]:
        """Start or join the lookup of `host`; what it finds is remembered, whether or not anybody still waits."""
        lookup = asyncio.wrap_future(self._lookups.start(host))
        lookup.add_done_callback(lambda done: self._remember(host, done))
        return lookup

    def _remember(self, host: str, lookup: asyncio.Future[Addresses]) -> None:
        if lookup.cancelled():
            return
        fresh = self._judged(host, lookup)
        known = self._known.get(host)
        if fresh.problem and known is not None and not known.problem and self._now() < known.until:
            return  # the refresh failed; the addresses still have their time
        self._known[host] = fresh
        self._known.move_to_end(host)
        if len(self._known) > KEPT_NAMES:
            self._known.popitem(last=False)

    def _judged(self, host: str, lookup: asyncio.Future[Addresses]) -> _Known:
        problem = _problem(host, lookup)
        now = self._now()
        if problem:
            return _Known((), problem, now + FAILURE_KEPT_SECONDS, now + FAILURE_KEPT_SECONDS)
        return _Known(lookup.result(), "", now + REFRESH_SECONDS, now + KEPT_SECONDS)


def _problem(host: str, lookup: asyncio.Future[Addresses]) -> str:
    error = lookup.exception()
    if error is None:
        return "" if lookup.result() else f"the name {host} has no address"
    if isinstance(error, socket.gaierror):
        if error.errno in _NO_SUCH_NAME:
            return f"the name {host} does not resolve"
        if error.errno == socket.EAI_AGAIN:
            return f"the name servers gave no answer for {host}"
    return f"resolving the name {host} failed: {error}"
