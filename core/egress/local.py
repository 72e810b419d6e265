"""Questions to this machine: whether it has descriptors left, and an address to connect from. No packet is sent."""

import errno
import socket
from ipaddress import IPv6Address

from breakwater.core.domain.target.networks import Address


def require_descriptors(pairs: int = 1) -> None:
    """Return when two descriptors for each of `pairs` can be opened. Raises OSError when there are not so many.

    Libraries that read files, such as the system's resolver, hide that they could not open one.
    """
    opened: list[socket.socket] = []
    try:
        for _ in range(pairs):
            opened += socket.socketpair()
    finally:
        for opened_socket in opened:
            opened_socket.close()


def has_source_address(address: Address, port: int) -> bool:
    """Return whether this machine has an address from which it can connect to `address`.

    Connecting fails with the same error when it has none and when every local port is in use. A datagram socket has
    ports of its own, so that it fails only in the first case.
    """
    try:
        with _datagram_socket(address) as probe:
            probe.connect((str(address), port))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def is_own_address(address: Address) -> bool:
    """Return whether `address` belongs to this machine: only then can it be bound.

    Raises OSError when there is no descriptor for the question: the answer would be a guess.
    """
    if address.is_loopback or address.is_unspecified:
        return True
    with _datagram_socket(address) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError as error:
            if error.errno in {errno.ENOMEM, errno.ENOBUFS}:
                raise
            return False
    return True


def _datagram_socket(address: Address) -> socket.socket:
    return socket.socket(
        socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET, socket.SOCK_DGRAM
    )
