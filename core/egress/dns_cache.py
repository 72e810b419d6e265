"""A short cache of DNS lookups."""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from breakwater.core.domain.shortage import Resource, resource_of
from breakwater.core.egress.dns import Addresses, DnsResolver, Resolver
from breakwater.core.egress.failures import DnsFailed, LocalShortage, format_seconds, raise_if_shortage
from breakwater.core.egress.local import require_descriptors
from breakwater.core.lru_map import LruMap

CACHE_SECONDS: Final = 10.0
"""How long addresses are used. Short, because a moved receiver is reached only after it, and a rebound name must be
checked again."""
REFRESH_SECONDS: Final = 7.0
"""Addresses older than this are looked up again while they are still used, so a busy lane never waits for DNS."""
FAILURE_CACHE_SECONDS: Final = 2.0
"""How long a failure is cached: a thousand deliveries to one dead name cause one lookup in that time."""
MAX_CACHED_NAMES: Final = 10_000

_NO_SUCH_NAME: Final = frozenset(
    number for name in ("EAI_NONAME", "EAI_NODATA") if (number := getattr(socket, name, None)) is not None
)


def system_resolver(host: str) -> Addresses:
    """Ask the system, which sorts the addresses in the order to try them (RFC 6724). Blocks.

    Raises:
        socket.gaierror: when the lookup fails or returns no address.
        OSError: when this machine has no descriptors for it.

    """
    try:
        entries = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    except socket.gaierror:
        # The resolver reports "unknown name" when it cannot open its files or a socket.
        require_descriptors()
        raise
    return tuple(dict.fromkeys(ip_address(entry[4][0]) for entry in entries))


@dataclass(slots=True)
class _CacheEntry:
    addresses: Addresses
    problem: str
    """Why there are no addresses; empty when there are."""
    refresh_at: float
    expires_at: float


class DnsCache:
    """Addresses by host name. Answers from memory where it can and from the bounded resolver where it cannot."""

    def __init__(
        self,
        resolve: Resolver,
        *,
        max_lookups: int,
        per_zone: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = DnsResolver(resolve, max_lookups=max_lookups, per_zone=per_zone)
        self._now = now
        self._entries = LruMap[str, _CacheEntry](MAX_CACHED_NAMES)

    async def resolve(self, host: str, deadline_seconds: float) -> Addresses:
        """Return the addresses of `host`, at least one, within `deadline_seconds`.

        Raises:
            DnsFailed: when there is none, or the lookup takes too long. The lookup continues for later callers.
            LocalShortage: this machine cannot look it up.

        """
        entry = self._entries.get(host)
        now = self._now()
        if entry is None or entry.expires_at <= now:
            entry = await self._look_up(host, deadline_seconds)
        elif entry.refresh_at <= now:
            entry.refresh_at = entry.expires_at
            self._start_lookup(host)
        if entry.problem:
            raise DnsFailed(entry.problem)
        return entry.addresses

    async def _look_up(self, host: str, deadline_seconds: float) -> _CacheEntry:
        lookup = self._start_lookup(host)
        done, _ = await asyncio.wait((lookup,), timeout=deadline_seconds)
        if not done and self._resolver.waits_for_thread(host):
            raise LocalShortage(Resource.LOOKUPS)
        if not done:
            raise DnsFailed(f"DNS lookup of {host} took longer than {format_seconds(deadline_seconds)}")
        if error := lookup.exception():
            raise_if_shortage(error)
        return self._entries.get(host) or self._entry(host, lookup)

    def _start_lookup(self, host: str) -> asyncio.Future[Addresses]:
        """Start or join the lookup of `host`. Its result is cached even when every caller has gone."""
        lookup = asyncio.wrap_future(self._resolver.start(host))
        lookup.add_done_callback(lambda done: self._store(host, done))
        return lookup

    def _store(self, host: str, lookup: asyncio.Future[Addresses]) -> None:
        if lookup.cancelled():
            return
        error = lookup.exception()
        if error is not None and resource_of(error) is not None:
            return  # it says nothing about the name
        fresh = self._entry(host, lookup)
        cached = self._entries.get(host)
        if fresh.problem and cached is not None and not cached.problem and self._now() < cached.expires_at:
            return  # the refresh failed; the cached addresses stay valid until they expire
        self._entries[host] = fresh

    def _entry(self, host: str, lookup: asyncio.Future[Addresses]) -> _CacheEntry:
        problem = _problem(host, lookup)
        now = self._now()
        if problem:
            return _CacheEntry((), problem, now + FAILURE_CACHE_SECONDS, now + FAILURE_CACHE_SECONDS)
        return _CacheEntry(lookup.result(), "", now + REFRESH_SECONDS, now + CACHE_SECONDS)


def _problem(host: str, lookup: asyncio.Future[Addresses]) -> str:
    error = lookup.exception()
    if error is None:
        return "" if lookup.result() else f"the host {host} has no address"
    if isinstance(error, socket.gaierror):
        if error.errno in _NO_SUCH_NAME:
            return f"the host {host} does not resolve"
        if error.errno == socket.EAI_AGAIN:
            return f"the DNS servers did not respond for {host}"
    return f"DNS lookup of {host} failed: {error}"
