"""Which addresses a request may connect to: resolved, checked, and passed to the sender as addresses.

Checking a name and letting the HTTP client resolve it again allows DNS rebinding: the second lookup can return another
address. So the senders connect to what the guard returned and to nothing else.
"""

import errno
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from breakwater.core.domain.descriptors import MAX_LOOKUPS
from breakwater.core.domain.target import NONE, AllowedNetworks, Target, address_refusal
from breakwater.core.domain.target.networks import Address
from breakwater.core.egress.dns import Addresses, Resolver
from breakwater.core.egress.dns_cache import DnsCache, system_resolver
from breakwater.core.egress.failures import DnsFailed, RequestBlocked, raise_if_shortage, socket_address
from breakwater.core.egress.local import is_own_address
from breakwater.core.lru_map import LruMap

__all__ = ["DnsFailed", "Guard", "RequestBlocked", "Resolver"]

LOOKUPS_PER_ZONE: Final = 4
"""Of these for one zone, so that it takes sixteen hanging zones to delay any other."""

MAX_CHECKED_HOSTS: Final = 10_000


class Guard:
    """Resolves hosts and checks their addresses. One per process, shared by its senders."""

    def __init__(
        self,
        allowed: AllowedNetworks = NONE,
        resolve: Resolver = system_resolver,
        *,
        own_addresses: Iterable[tuple[str, int]] = (),
        max_lookups: int = MAX_LOOKUPS,
        lookups_per_zone: int = LOOKUPS_PER_ZONE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a guard.

        Args:
            allowed: what the operator allows beyond public addresses.
            resolve: the blocking lookup; it is called in the guard's own threads.
            own_addresses: host and port on which the service listens, always blocked, even inside `allowed`. A host
                that is not an address (`localhost`) or is unspecified (`0.0.0.0`) means every address of this
                machine.
            max_lookups: concurrent lookups.
            lookups_per_zone: concurrent lookups below one zone, such as `example.com`.
            now: seconds of a monotonic clock, for the DNS cache.

        """
        self._allowed = allowed
        self._own = frozenset((_listening_address(host), port) for host, port in own_addresses)
        self._own_ports = frozenset(port for _, port in self._own)
        self._dns = DnsCache(resolve, max_lookups=max_lookups, per_zone=lookups_per_zone, now=now)
        self._checked = LruMap[tuple[str, int], Addresses](MAX_CHECKED_HOSTS)

    async def resolve_target(self, target: Target, deadline_seconds: float) -> Addresses:
        """Return the checked addresses of `target`, in the order to try them.

        Raises:
            RequestBlocked: one of them is not allowed. One is enough: the owner of the name decides their order.
            DnsFailed: there is none, or none within `deadline_seconds`.

        """
        return await self.resolve(target.host, target.port, deadline_seconds)

    async def resolve(self, host: str, port: int, deadline_seconds: float) -> Addresses:
        """Return the checked addresses of `host`, a name or an address. Raises like `resolve_target`."""
        addresses = _literal_addresses(host) or await self._dns.resolve(host, deadline_seconds)
        # Compared by identity: the result of one lookup is checked once, however often it is used.
        if self._checked.get((host, port)) is not addresses:
            self._check_all(addresses, host, port)
            self._checked[host, port] = addresses
        return addresses

    def _check_all(self, addresses: Addresses, host: str, port: int) -> None:
        for address in addresses:
            try:
                self.check_address(address, port)
            except RequestBlocked as blocked:
                if _literal(host):
                    raise
                raise RequestBlocked(f"{host} resolves to a blocked address: {blocked.detail}") from None

    def check_address(self, address: Address, port: int) -> None:
        """Return when connections to `address` and `port` are allowed.

        Raises:
            RequestBlocked: with the reason and the remedy.

        """
        if port in self._own_ports and self._is_own(address, port):
            raise RequestBlocked(
                f"{socket_address(address, port)} is the address that this service listens on"
            )
        reason = address_refusal(address, port, self._allowed)
        if reason:
            raise RequestBlocked(reason)

    def _is_own(self, address: Address, port: int) -> bool:
        unmapped = _unmapped(address)
        return (unmapped, port) in self._own or ((None, port) in self._own and _is_this_machine(unmapped))


@lru_cache(maxsize=4096)
def _literal_addresses(host: str) -> Addresses:
    """Return the address that `host` is, or nothing for a name. Cached, because every attempt needs it."""
    literal = _literal(host)
    return () if literal is None else (literal,)


def _literal(host: str) -> Address | None:
    try:
        return _unmapped(ip_address(host))
    except ValueError:
        return None


def _unmapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped one: connections go to that address."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _listening_address(host: str) -> Address | None:
    """Return the address that `host` is, or None when it means every address of this machine."""
    address = _literal(host)
    return None if address is None or address.is_unspecified else address


def _is_this_machine(address: Address) -> bool:
    try:
        return is_own_address(address)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:  # without IPv6, no IPv6 address is this machine's
            return False
        raise_if_shortage(error)
        raise
