"""Which addresses may be requested: the list against server-side request forgery, and what an operator allows.

`ipaddress.is_global` is a different list: it includes multicast, 6to4 relays, NAT64 and the old site-local range.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

from breakwater.core.domain.errors import FieldProblem, InvalidInput
from breakwater.core.domain.target.host_names import NO_HOST_NAMES, AllowedHostNames

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SETTING: Final = "BREAKWATER_ALLOWED_NETWORKS"

_DENIED_IPV4: Final = {
    IPv4Network(cidr): words
    for cidr, words in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "automatic multicast tunneling"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, and broadcast"),
        ("168.63.129.16/32", "a cloud's own control address"),
    )
}
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")
_DENIED_IPV6: Final = {
    IPv6Network(cidr): words
    for cidr, words in (
        ("2001::/23", "protocol assignments, Teredo among them"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4, which wraps an IPv4 address"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
    )
}
_WEB_PORTS: Final = frozenset({80, 443})
_UNPRIVILEGED_PORTS: Final = range(1024, 65536)

_LINK_LOCAL: Final = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))

_RULE: Final = re.compile(r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<bare>.*?))(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class _Rule:
    network: Network
    port: int | None

    def allows(self, address: Address, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        return address in self.network and self._covers_link_local(address)

    def _covers_link_local(self, address: Address) -> bool:
        """Return False for link-local, where clouds keep credentials, unless the rule names link-local itself."""
        return all(address not in local or _within(self.network, local) for local in _LINK_LOCAL)


@dataclass(frozen=True, slots=True)
class AllowedNetworks:
    """What an operator allows beyond public addresses: `10.2.0.0/16`, or with a port `127.0.0.1/32:9000`."""

    rules: tuple[_Rule, ...] = ()
    host_names: AllowedHostNames = NO_HOST_NAMES

    @classmethod
    def parse(cls, text: str | Iterable[str]) -> "AllowedNetworks":
        """Parse rules, separated by commas or spaces, or one per item. IPv6 with a port is `[fd00::/8]:8080`.

        Raises:
            InvalidInput: naming each rule that cannot be read.

        """
        items = text.replace(",", " ").split() if isinstance(text, str) else [item.strip() for item in text]
        rules, problems = [], []
        for item in items:
            try:
                rules.append(_parse_rule(item))
            except ValueError as error:
                problems.append(FieldProblem("allowed_networks", f"{item!r}: {error}"))
        if problems:
            raise InvalidInput(problems)
        return cls(tuple(rules))

    def with_host_names(self, items: Iterable[str]) -> "AllowedNetworks":
        """Return the same rules with these host names. Raises ValueError for a name that is not valid."""
        return replace(self, host_names=AllowedHostNames.parse(items))

    def allows(self, address: Address, port: int) -> bool:
        """Return whether a rule includes this address and port. IPv4 mapped into IPv6 counts as IPv4."""
        return bool(self.rules) and any(rule.allows(_unmapped(address), port) for rule in self.rules)


NONE: Final = AllowedNetworks()
"""Only the public internet."""


def is_allowed_port(port: int) -> bool:
    """Return whether `port` is a web port or an unprivileged one; mail, SSH and 0 are not allowed."""
    return port in _WEB_PORTS or port in _UNPRIVILEGED_PORTS


def address_refusal(address: Address, port: int, allowed: AllowedNetworks = NONE) -> str | None:
    """Return why this address and port are not allowed, with the remedy, or None when they are allowed."""
    if not is_allowed_port(port):
        return f"port {port} is not allowed; use 80, 443 or a port from 1024 to 65535"
    reason = _denial(_unmapped(address))
    if reason is None or allowed.allows(address, port):
        return None
    return f"{address} is not a public address ({reason}); an operator can allow its network with {SETTING}"


@lru_cache(maxsize=4096)
def _denial(address: Address) -> str | None:
    """Return the denied range that includes `address`, in words. Cached, because every attempt needs it."""
    if isinstance(address, IPv4Address):
        return next((f"{net}: {words}" for net, words in _DENIED_IPV4.items() if address in net), None)
    if address not in _GLOBAL_IPV6:
        return f"outside {_GLOBAL_IPV6}, the public range of IPv6"
    return next((f"{net}: {words}" for net, words in _DENIED_IPV6.items() if address in net), None)


def _unmapped(address: Address) -> Address:
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _within(network: Network, outer: Network) -> bool:
    return network.version == outer.version and network.prefixlen >= outer.prefixlen and network[0] in outer


def _parse_rule(item: str) -> _Rule:
    whole = _as_network(item)
    if whole is not None:
        return _Rule(whole, None)
    match = _RULE.fullmatch(item)
    if match is None:
        raise ValueError("write it as CIDR or CIDR:port, such as 10.2.0.0/16:8080")
    network = _as_network(match["bracketed"] or match["bare"] or "")
    if network is None:
        raise ValueError("write it as CIDR or CIDR:port, such as 10.2.0.0/16:8080")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not is_allowed_port(port):
        raise ValueError(f"port {port} is not allowed; use 80, 443 or a port from 1024 to 65535")
    return _Rule(network, port)


def _as_network(text: str) -> Network | None:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        wider = ip_network(text, strict=False)
    except ValueError:
        return None
    raise ValueError(f"has bits set beyond its prefix; did you mean {wider}?")
