"""Which address a request may go to: resolved, judged and handed out to be dialled as it is.

Checking a name and letting the client resolve it again is the classic hole (DNS rebinding): the second answer can be
another one. So the senders dial what the guard returned and nothing else.
"""

import socket
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from breakwater.core.domain.target import NONE, AllowedNetworks, Target, address_refusal
from breakwater.core.domain.target.networks import Address
from breakwater.core.egress.dns import Addresses, Resolver
from breakwater.core.egress.dns_cache import DnsCache, system_resolver
from breakwater.core.egress.failures import Refused, Unresolved, place

__all__ = ["Guard", "Refused", "Resolver", "Unresolved"]

MAX_LOOKUPS: Final = 64
"""Threads that wait for name servers at the same time, in all."""
LOOKUPS_PER_ZONE: Final = 4
"""And for one zone: sixteen zones can be dead at once before any other waits."""

KEPT_VERDICTS: Final = 10_000


class Guard:
    """Resolves and judges; one per process, shared by its senders."""

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
        """Make a guard.

        Args:
            allowed: what the operator allows beyond public addresses.
            resolve: the blocking lookup; called in threads of the guard's own.
            own_addresses: host and port on which the service listens, never dialled even inside `allowed`. A host
                that is no address (`localhost`), or stands for all (`0.0.0.0`), means every address of this machine.
            max_lookups: lookups at the same time.
            lookups_per_zone: lookups at the same time below one zone, such as `example.com`.
            now: seconds on any steady scale, for the short memory of names.

        """
        self._allowed = allowed
        self._own = frozenset((_listening_address(host), port) for host, port in own_addresses)
        self._own_ports = frozenset(port for _, port in self._own)
        self._names = DnsCache(resolve, max_lookups=max_lookups, per_zone=lookups_per_zone, now=now)
        self._passed: dict[tuple[str, int], Addresses] = {}

    async def addresses(self, target: Target, deadline_seconds: float) -> Addresses:
        """Return the addresses to dial for `target`, in the order to try them; all of them were judged.

        Raises:
            Refused: one of them is forbidden. One is enough: who controls the name controls their order.
            Unresolved: there is none, or none within `deadline_seconds`.

        """
        return await self.resolve(target.host, target.port, deadline_seconds)

    async def resolve(self, host: str, port: int, deadline_seconds: float) -> Addresses:
        """Return the addresses to dial for `host`, a name or an address. As `addresses` otherwise."""
        found = _literal_addresses(host) or await self._names.addresses(host, deadline_seconds)
        # The same tuple, not an equal one: what came of one lookup is judged once, however often it is used.
        if self._passed.get((host, port)) is not found:
            self._judge_all(found, host, port)
            if len(self._passed) > KEPT_VERDICTS:
                self._passed.clear()
            self._passed[host, port] = found
        return found

    def _judge_all(self, found: Addresses, host: str, port: int) -> None:
        for address in found:
            try:
                self.judge(address, port)
            except Refused as refused:
                if _literal(host):
                    raise
                raise Refused(f"{host} resolves to a forbidden address: {refused.detail}") from None

    def judge(self, address: Address, port: int) -> None:
        """Pass when `address` and `port` may be dialled.

        Raises:
            Refused: with the reason and the remedy.

        """
        if port in self._own_ports and self._is_own(address, port):
            raise Refused(f"{place(address, port)} is where this service itself listens")
        reason = address_refusal(address, port, self._allowed)
        if reason:
            raise Refused(reason)

    def _is_own(self, address: Address, port: int) -> bool:
        plain = _plain(address)
        return (plain, port) in self._own or ((None, port) in self._own and _is_this_machine(plain))


@lru_cache(maxsize=4096)
def _literal_addresses(host: str) -> Addresses:
    """Return the one address that `host` spells; none for a name. Cached: it is asked for every attempt."""
    literal = _literal(host)
    return () if literal is None else (literal,)


def _literal(host: str) -> Address | None:
    try:
        return _plain(ip_address(host))
    except ValueError:
        return None


def _plain(address: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped one: it is the one that is reached."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _listening_address(host: str) -> Address | None:
    """Return the one address that `host` stands for, or None when it stands for many."""
    address = _literal(host)
    return None if address is None or address.is_unspecified else address


def _is_this_machine(address: Address) -> bool:
    """Return whether `address` belongs to this machine: only its owner can bind it, which sends no packet."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
