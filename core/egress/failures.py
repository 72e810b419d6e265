"""Why there was no response, in one exception and the same words for every wire.

The classes are those of the table in `core/domain/verdict.py`. The words name the address that was dialled: a person at
night asks that first.
"""
# ruff: noqa: N818 -- they are values that end an attempt, not errors of the program, and read as "except Refused"

import errno
import os
from ipaddress import IPv6Address
from typing import Final

from breakwater.core.domain.errors import BreakwaterError
from breakwater.core.domain.outcome import TransportFailure
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.target.networks import Address

_DETAIL_LIMIT: Final = 300
"""Characters. A parser's message can quote the receiver, who decides how long it is."""

_RESET: Final = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN})
_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})
_NO_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})


class TransportError(BreakwaterError):
    """An attempt ended without a response: of which class, and in words that a person can act on."""

    def __init__(self, failure: FailureClass, detail: str) -> None:
        self.failure = failure
        self.detail = detail if len(detail) <= _DETAIL_LIMIT else f"{detail[: _DETAIL_LIMIT - 1]}…"
        super().__init__(self.detail)

    def after(self, elapsed: float) -> TransportFailure:
        """Return the outcome of an attempt that ended so after `elapsed` seconds."""
        return TransportFailure(self.failure, self.detail, elapsed)


class Refused(TransportError):
    """The guard forbids the address: no packet is sent."""

    def __init__(self, detail: str) -> None:
        super().__init__(FailureClass.BLOCKED, detail)


class Unresolved(TransportError):
    """The name has no address, or none in time."""

    def __init__(self, detail: str) -> None:
        super().__init__(FailureClass.DNS, detail)


class ConnectFailed(TransportError):
    """No connection came about, so nothing was sent: another address of the name may still be tried."""


def place(address: Address, port: int) -> str:
    """Return `203.0.113.5:443` or `[2a00:1450::5]:443`."""
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


def seconds(value: float) -> str:
    """Return `0.5 s` or `10 s`."""
    return f"{value:.3g} s"


def connection_failed(
    number: int | None, where: str, kind: type[TransportError] = TransportError
) -> TransportError:
    """Return the failure that the operating system's error `number` means for the connection to `where`."""
    if number == errno.ECONNREFUSED:
        return kind(FailureClass.CONNECT, f"connection refused by {where}")
    if number in _RESET:
        return kind(FailureClass.CONNECT, f"connection reset by {where}")
    if number in _NO_ROUTE:
        return kind(FailureClass.CONNECT, f"{where} cannot be reached: no route to it")
    if number == errno.ETIMEDOUT:
        return kind(FailureClass.TIMEOUT, f"{where} stopped answering")
    if number in _NO_DESCRIPTORS:
        return kind(FailureClass.CONNECT, "this machine has no file descriptors left; raise `ulimit -n`")
    reason = os.strerror(number) if number else "the connection broke"
    return kind(FailureClass.CONNECT, f"connection to {where} failed: {reason}")


def dialling_too_slow(where: str, limit: float) -> TransportError:
    """Return the failure of a connection that was not there after `limit` seconds."""
    return ConnectFailed(FailureClass.TIMEOUT, f"connecting to {where} took longer than {seconds(limit)}")


def handshake_too_slow(where: str, limit: float) -> TransportError:
    """Return the failure of a TLS handshake that was not done `limit` seconds after dialling."""
    return TransportError(
        FailureClass.TLS, f"the TLS handshake with {where} took longer than {seconds(limit)}"
    )


def handshake_cut(where: str) -> TransportError:
    """Return the failure of a TLS handshake in which the peer hung up."""
    return TransportError(FailureClass.TLS, f"{where} closed the connection during the TLS handshake")


def tls_failed(reason: str) -> TransportError:
    """Return the failure of TLS for a reason in the words of its library."""
    return TransportError(FailureClass.TLS, f"TLS failed: {reason}")


def certificate_expired(host: str) -> TransportError:
    """Return the failure of a certificate whose time is over."""
    return TransportError(FailureClass.TLS, f"the certificate of {host} has expired")


def certificate_not_valid_yet(host: str) -> TransportError:
    """Return the failure of a certificate whose time has not come, here or there by a wrong clock."""
    return TransportError(FailureClass.TLS, f"the certificate of {host} is not valid yet; check the clocks")


def certificate_of_another(host: str) -> TransportError:
    """Return the failure of a certificate for another name."""
    return TransportError(FailureClass.TLS, f"the certificate is not valid for {host}")


def certificate_not_trusted(host: str) -> TransportError:
    """Return the failure of a certificate that no known authority signed."""
    return TransportError(FailureClass.TLS, f"the certificate of {host} is not signed by a trusted authority")


def certificate_not_accepted(host: str, reason: str) -> TransportError:
    """Return the failure of a certificate for any other reason, in the words of the library."""
    return TransportError(FailureClass.TLS, f"the certificate of {host} is not accepted: {reason}")


def deadline_passed(timeout: float) -> TransportError:
    """Return the failure of an attempt whose response head was not complete within `timeout` seconds."""
    return TransportError(FailureClass.TIMEOUT, f"no answer within {seconds(timeout)}")


def hung_up(where: str) -> TransportError:
    """Return the failure of a connection that the receiver closed instead of answering."""
    return TransportError(FailureClass.CONNECT, f"{where} closed the connection without an answer")


def not_http(reason: str) -> TransportError:
    """Return the failure of an answer that is not HTTP/1."""
    return TransportError(FailureClass.PROTOCOL, f"the answer is not valid HTTP: {reason}")


def switched_protocols() -> TransportError:
    """Return the failure of an answer that ends HTTP: 101 to a request that asked for no upgrade."""
    return TransportError(
        FailureClass.PROTOCOL, "the answer is 101 Switching Protocols, which nobody asked for"
    )
