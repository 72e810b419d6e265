"""Why an attempt got no response: one exception, and the same words for both senders.

The classes are those of the table in `core/domain/verdict.py`. The words name the address that was connected to,
because an operator needs it first.
"""
# ruff: noqa: N818 -- the names describe an outcome and read as "except ConnectFailed"; the base class is called Error

import errno
import os
from ipaddress import IPv6Address
from typing import Final

from breakwater.core.domain.errors import BreakwaterError
from breakwater.core.domain.outcome import TransportFailure
from breakwater.core.domain.shortage import Resource, resource_of, resource_of_errno, shortage_text
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.target.networks import Address
from breakwater.core.egress.local import has_source_address

_MAX_DETAIL_LENGTH: Final = 300
"""Characters. A parser's message can quote the receiver, who decides how long it is."""

_RESET: Final = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN})
_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})


class TransportError(BreakwaterError):
    """An attempt ended without a response. Carries the failure class and words that a person can act on."""

    def __init__(self, failure: FailureClass, detail: str) -> None:
        self.failure = failure
        truncated = f"{detail[: _MAX_DETAIL_LENGTH - 1]}…"
        self.detail = detail if len(detail) <= _MAX_DETAIL_LENGTH else truncated
        super().__init__(self.detail)

    def to_outcome(self, elapsed: float) -> TransportFailure:
        """Return the outcome of an attempt that failed with this error after `elapsed` seconds."""
        return TransportFailure(self.failure, self.detail, elapsed)


class RequestBlocked(TransportError):
    """The guard blocks the address, or the request cannot be written as HTTP: no packet is sent."""

    def __init__(self, detail: str) -> None:
        super().__init__(FailureClass.BLOCKED, detail)


class DnsFailed(TransportError):
    """The host name has no address, or its lookup did not end in time."""

    def __init__(self, detail: str) -> None:
        super().__init__(FailureClass.DNS, detail)


class InvalidHttp(TransportError):
    """The response is not valid HTTP/1."""

    def __init__(self, reason: str) -> None:
        super().__init__(FailureClass.PROTOCOL, f"the response is not valid HTTP: {reason}")


class HeadTooLarge(InvalidHttp):
    """The head of the response has more headers or bytes than the HTTP client accepts."""


class ConnectFailed(TransportError):
    """No connection was established and nothing was sent: another address of the host may still be tried."""


class LocalShortage(TransportError):
    """This machine has no descriptor, memory, port or thread left for the attempt: nothing the receiver did."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        super().__init__(FailureClass.LOCAL_SHORTAGE, shortage_text(resource))

    def to_outcome(self, elapsed: float) -> TransportFailure:
        """Return the outcome of an attempt that failed with this error after `elapsed` seconds."""
        return TransportFailure.local_shortage(self.resource, elapsed)


def raise_if_shortage(error: BaseException) -> None:
    """Raise LocalShortage when `error` or one of its causes reports a shortage of this machine."""
    resource = resource_of(error)
    if resource is not None:
        raise LocalShortage(resource) from error


def socket_address(address: Address, port: int) -> str:
    """Return `203.0.113.5:443` or `[2a00:1450::5]:443`."""
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


def format_seconds(value: float) -> str:
    """Return `0.5 s` or `10 s`."""
    return f"{value:.3g} s"


def connection_failed(
    number: int | None, where: str, kind: type[TransportError] = TransportError
) -> TransportError:
    """Return the failure that the operating system's error `number` means for the connection to `where`."""
    resource = resource_of_errno(number)
    if resource is not None:
        return LocalShortage(resource)
    if number == errno.ECONNREFUSED:
        return kind(FailureClass.CONNECT, f"connection refused by {where}")
    if number in _RESET:
        return kind(FailureClass.CONNECT, f"connection reset by {where}")
    if number in _NO_ROUTE:
        return kind(FailureClass.CONNECT, f"no route to {where}")
    if number == errno.ETIMEDOUT:
        return kind(FailureClass.TIMEOUT, f"timed out: {where} stopped responding")
    reason = os.strerror(number) if number else "connection lost"
    return kind(FailureClass.CONNECT, f"connection to {where} failed: {reason}")


def connect_failed(number: int | None, address: Address, port: int) -> TransportError:
    """Return the failure that error `number` means for connecting to `address` and `port`."""
    where = socket_address(address, port)
    if number == errno.EADDRNOTAVAIL and not has_source_address(address, port):
        return ConnectFailed(
            FailureClass.CONNECT, f"no route to {where}: this machine has no address to connect from"
        )
    return connection_failed(number, where, ConnectFailed)


def connect_timed_out(where: str, limit: float) -> TransportError:
    """Return the failure of a connection that was not established within `limit` seconds."""
    return ConnectFailed(
        FailureClass.TIMEOUT, f"timed out: no connection to {where} within {format_seconds(limit)}"
    )


def handshake_timed_out(where: str, limit: float) -> TransportError:
    """Return the failure of a TLS handshake that did not end within `limit` seconds of connecting."""
    return TransportError(
        FailureClass.TLS, f"TLS handshake with {where} not complete within {format_seconds(limit)}"
    )


def handshake_closed(where: str) -> TransportError:
    """Return the failure of a TLS handshake during which the receiver closed the connection."""
    return TransportError(FailureClass.TLS, f"{where} closed the connection during the TLS handshake")


def tls_failed(reason: str) -> TransportError:
    """Return the failure of TLS for a `reason` in the words of the TLS library."""
    return TransportError(FailureClass.TLS, f"TLS failed: {reason}")


def certificate_expired(host: str) -> TransportError:
    """Return the failure of a certificate that has expired."""
    return TransportError(FailureClass.TLS, f"the certificate of {host} has expired")


def certificate_not_valid_yet(host: str) -> TransportError:
    """Return the failure of a certificate that is not valid yet, possibly because a clock is wrong."""
    return TransportError(FailureClass.TLS, f"the certificate of {host} is not valid yet; check the clocks")


def certificate_name_mismatch(host: str) -> TransportError:
    """Return the failure of a certificate that is issued for another host."""
    return TransportError(FailureClass.TLS, f"the certificate is not valid for {host}")


def certificate_not_trusted(host: str) -> TransportError:
    """Return the failure of a certificate that no trusted authority signed."""
    return TransportError(FailureClass.TLS, f"the certificate of {host} is not signed by a trusted authority")


def certificate_rejected(host: str, reason: str) -> TransportError:
    """Return the failure of a certificate for any other `reason`, in the words of the TLS library."""
    return TransportError(FailureClass.TLS, f"the certificate of {host} is not valid: {reason}")


def timed_out(timeout: float) -> TransportError:
    """Return the failure of an attempt whose response head was not complete within `timeout` seconds."""
    return TransportError(FailureClass.TIMEOUT, f"timed out: no response within {format_seconds(timeout)}")


def closed_without_response(where: str) -> TransportError:
    """Return the failure of a connection that the receiver closed before its response head was complete."""
    return TransportError(FailureClass.CONNECT, f"{where} closed the connection without a response")


def unexpected_upgrade() -> TransportError:
    """Return the failure of a 101 response to a request that requested no upgrade."""
    return TransportError(
        FailureClass.PROTOCOL, "the response is 101 Switching Protocols, but no upgrade was requested"
    )
