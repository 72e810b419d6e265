"""Clients that are each pinned to one address of one host.

reqwest fixes name resolution when a client is built. Building parses all certificate authorities, so it happens in a
thread and the client is cached. Above the limit the least recently used client is discarded; its requests in flight
still complete, because they hold a reference to it.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final, Self

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import BuilderError, PyreqwestError
from pyreqwest.http import Url

from breakwater.core.domain.target import Target
from breakwater.core.domain.target.networks import Address
from breakwater.core.egress import failures
from breakwater.core.egress.failures import RequestBlocked
from breakwater.core.egress.local import require_descriptors
from breakwater.core.egress.trust import mozilla_roots
from breakwater.core.egress.user_agent import COMMON_HEADERS
from breakwater.core.lru_map import LruMap

IDLE_SECONDS: Final = 4.0
"""How long an idle connection stays open. Common servers close theirs after 5 s, possibly while a request arrives."""
IDLE_PER_HOST: Final = 64
_PAIRS_FOR_BUILDING: Final = 4
"""Pairs of descriptors that building needs: the client's runtime has three, and reads files."""


@dataclass(frozen=True, slots=True)
class PinnedAddress:
    """One address to try for a host, and the key of the client that is pinned to it."""

    host: str
    """Empty for targets that name an address: nothing is resolved for them, so they share one client."""
    address: Address
    connect_limit: float
    """Seconds for connecting, including the TLS handshake."""
    close_after_use: bool
    """Whether a connection serves one request only."""
    key: str
    """A string, because strings cache their hash and every attempt needs it."""

    @classmethod
    def create(
        cls, address: Address, host: str, connect_limit: float, *, close_after_use: bool = False
    ) -> Self:
        """Return the pin of `address` for `host`, or for the address itself when `host` is empty."""
        key = f"{host} {address if host else ''} {connect_limit}{' close' if close_after_use else ''}"
        return cls(host, address, connect_limit, close_after_use, key)


class ClientPool:
    """A bounded LRU cache of clients. Belongs to one event loop."""

    def __init__(self, user_agent: str, *, limit: int, idle_per_host: int, added_roots: bytes | None) -> None:
        self._user_agent = user_agent
        self._idle_per_host = idle_per_host
        self._added_roots = added_roots
        self._clients = LruMap[str, Client](limit)
        self._building: dict[str, asyncio.Future[Client]] = {}
        # One thread: building is pure CPU work, and many threads would take the processor from the event loop.
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="reqwest-client")

    def __len__(self) -> int:
        return len(self._clients)

    def __contains__(self, pinned: PinnedAddress) -> bool:
        return pinned.key in self._clients

    def get(self, pinned: PinnedAddress) -> Client | None:
        """Return the client for `pinned`, or None when there is none yet."""
        return self._clients.get(pinned.key)

    async def build(self, pinned: PinnedAddress) -> Client:
        """Return a new client for `pinned`. Concurrent callers share the one that is being built.

        Raises:
            TransportError: when it cannot be built.

        """
        try:
            return await asyncio.shield(self._start_building(pinned))
        except Exception as error:
            failures.raise_if_shortage(error)
            if not isinstance(error, PyreqwestError):
                raise
            raise failures.tls_failed(f"the HTTP client cannot be created: {error}") from error

    def _start_building(self, pinned: PinnedAddress) -> asyncio.Future[Client]:
        building = self._building.get(pinned.key)
        if building is None:
            building = asyncio.get_running_loop().run_in_executor(self._builder, self._build, pinned)
            self._building[pinned.key] = building
            building.add_done_callback(lambda done: self._store(pinned, done))
        return building

    def discard(self, pinned: PinnedAddress) -> None:
        """Remove the client for `pinned`."""
        self._clients.pop(pinned.key)

    async def close(self) -> None:
        """Close every client and its connections."""
        self._builder.shutdown(wait=False, cancel_futures=True)
        clients = self._clients.values()
        self._clients.clear()
        for client in clients:
            await client.close()

    def _store(self, pinned: PinnedAddress, building: asyncio.Future[Client]) -> None:
        del self._building[pinned.key]
        if building.cancelled() or building.exception() is not None:
            return
        self._clients[pinned.key] = building.result()

    def _build(self, pinned: PinnedAddress) -> Client:
        # Without a descriptor the certificate authorities cannot be read, and the client would trust none.
        require_descriptors(_PAIRS_FOR_BUILDING)
        try:
            return self._configure(pinned).build()
        except BuilderError:  # the system has no certificate authorities
            return self._configure(pinned).add_root_certificate_pem(mozilla_roots()).build()

    def _configure(self, pinned: PinnedAddress) -> ClientBuilder:
        builder = (
            ClientBuilder()
            .user_agent(self._user_agent)
            .default_headers(COMMON_HEADERS)
            .http1_only()
            .follow_redirects(enable=False)
            .referer(enable=False)
            .no_proxy()
            .gzip(enable=False)
            .brotli(enable=False)
            .zstd(enable=False)
            .deflate(enable=False)
            .connect_timeout(timedelta(seconds=pinned.connect_limit))
            .pool_idle_timeout(timedelta(seconds=IDLE_SECONDS))
            .pool_max_idle_per_host(0 if pinned.close_after_use else self._idle_per_host)
        )
        if self._added_roots:
            builder = builder.add_root_certificate_pem(self._added_roots)
        if pinned.host:
            builder = builder.resolve(pinned.host, str(pinned.address), 0)
        return builder


@lru_cache(maxsize=8192)
def wire_url(target: Target) -> Url:
    """Return the target's URL as the HTTP client parses it. Cached, because every attempt needs it.

    Raises:
        RequestBlocked: the client parses another host, port or scheme than the guard checks.

    """
    url = Url(target.url)
    host = (url.host_str or "").removeprefix("[").removesuffix("]")
    if (url.scheme, host, url.port_or_known_default) != (target.scheme, target.host, target.port):
        raise RequestBlocked(
            f"the HTTP client would connect to {url.authority} for this URL; write it in a simpler form"
        )
    return url
