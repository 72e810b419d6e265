"""What counts as one source of requests for the limits at sign-in."""

import ipaddress
from typing import Final

_IPV6_PREFIX: Final = 64
"""Bits that one customer of a network gets at least: every address behind them can belong to one machine."""
_MAX_LENGTH: Final = 64
"""Characters of a text that is not an address: a proxy may forward anything."""


def source_of(address: str) -> str:
    """Return the source of a client address: the address for IPv4, its /64 network for IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:_MAX_LENGTH]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
    return str(parsed)
