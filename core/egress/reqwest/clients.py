"""Clients that are each pinned to one address of one host.

reqwest fixes name resolution when a client is built. Building takes about 5 ms and 0.13 MB (it parses the
authorities), so it happens in a thread and its result is kept; when there are too many, the one that was not used for
longest is dropped. A dropped client's requests in flight end in good order: they hold on to it.
"""

import asyncio
from collections import OrderedDict
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
from breakwater.core.egress.failures import Refused
from breakwater.core.egress.trust import mozilla_roots
from breakwater.core.egress.user_agent import COMMON_HEADERS

IDLE_SECONDS: Final = 4.0
"""How long an idle connection is kept: Node and uvicorn close it after 5 s, at worst under our next request."""
IDLE_PER_HOST: Final = 64


@dataclass(frozen=True, slots=True)
class PinnedAddress:
    """One address to try for a host, and the client that is pinned to it."""

    host: str
    """Empty for targets that name an address: nothing is resolved for them, so they share one client."""
    address: Address
    connect_limit: float
    """Seconds for connecting, the TLS handshake included."""
    once: bool
    """Whether a connection is used once."""
    client: str
    """The name of its client; a string, because those remember their hash and it is asked for every attempt."""

    @classmethod
    def to(cls, address: Address, host: str, connect_limit: float, *, once: bool = False) -> Self:
        """Return the dial of `address`, for `host` or (empty) for itself."""
        client = f"{host} {address if host else ''} {connect_limit}{' once' if once else ''}"
        return cls(host, address, connect_limit, once, client)


class Clients:
    """A bounded cache of clients. Belongs to one event loop."""

    def __init__(self, user_agent: str, *, limit: int, idle_per_host: int, added_roots: bytes | None) -> None:
        self._user_agent = user_agent
        self._limit = limit
        self._idle_per_host = idle_per_host
        self._added_roots = added_roots
        self._kept: OrderedDict[str, Client] = OrderedDict()
        self._being_built: dict[str, asyncio.Future[Client]] = {}
        # One thread: building is all CPU, and a thousand at once must not take the machine from the event loop.
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="reqwest-client")

    def has(self, dial: PinnedAddress) -> bool:
        """Return whether there is a client for `dial`."""
        return dial.client in self._kept

    def kept(self, dial: PinnedAddress) -> Client | None:
        """Return the client for `dial` when there is one."""
        client = self._kept.get(dial.client)
        if client is not None:
            self._kept.move_to_end(dial.client)
        return client

    async def built(self, dial: PinnedAddress) -> Client:
        """Return a new client for `dial`; callers that ask meanwhile get the same one.

        Raises:
            NoAnswer: when it cannot be built.

        """
        building = self._being_built.get(dial.client)
        if building is None:
            building = asyncio.get_running_loop().run_in_executor(self._builder, self._build, dial)
            self._being_built[dial.client] = building
            building.add_done_callback(lambda done: self._keep(dial, done))
        try:
            return await asyncio.shield(building)
        except PyreqwestError as error:
            raise failures.tls_failed(f"no client can be made: {error}") from error

    def drop(self, dial: PinnedAddress) -> None:
        """Forget the client for `dial`."""
        self._kept.pop(dial.client, None)

    async def close(self) -> None:
        """Close every client and its connections."""
        self._builder.shutdown(wait=False, cancel_futures=True)
        clients = tuple(self._kept.values())
        self._kept.clear()
        for client in clients:
            await client.close()

    def _keep(self, dial: PinnedAddress, building: asyncio.Future[Client]) -> None:
        del self._being_built[dial.client]
        if building.cancelled() or building.exception() is not None:
            return
        self._kept[dial.client] = building.result()
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    def _build(self, dial: PinnedAddress) -> Client:
        try:
            return self._configured(dial).build()
        except BuilderError:  # the system has no authorities at all
            return self._configured(dial).add_root_certificate_pem(mozilla_roots()).build()

    def _configured(self, dial: PinnedAddress) -> ClientBuilder:
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
            .connect_timeout(timedelta(seconds=dial.connect_limit))
            .pool_idle_timeout(timedelta(seconds=IDLE_SECONDS))
            .pool_max_idle_per_host(0 if dial.once else self._idle_per_host)
        )
        if self._added_roots:
            builder = builder.add_root_certificate_pem(self._added_roots)
        if dial.host:
            builder = builder.resolve(dial.host, str(dial.address), 0)
        return builder


@lru_cache(maxsize=8192)
def wire_url(target: Target) -> Url:
    """Return the target's URL as the client reads it. Cached: it is asked for every attempt.

    Raises:
        Refused: the client reads another host, port or scheme in it than the guard judged.

    """
    url = Url(target.url)
    host = (url.host_str or "").removeprefix("[").removesuffix("]")
    if (url.scheme, host, url.port_or_known_default) != (target.scheme, target.host, target.port):
        raise Refused(f"the HTTP client would call {url.authority} for this URL; write it in a simpler form")
    return url
