"""Maps what pyreqwest raises to the classes and words of `failures`.

Its exception types say little: a total timeout before the headers arrives as `ConnectTimeoutError`. Its chain of causes
says nearly everything: `client error (Connect)` is connecting or the handshake, `tcp ... error` is connecting alone.
Both have a timer of the same length, and the outer one can expire first: then only the scheme tells them apart.
"""

from dataclasses import dataclass
from typing import Final

from pyreqwest import exceptions as pyreqwest

from breakwater.core.domain.shortage import Resource, os_error, resource_of_errno
from breakwater.core.domain.target.networks import Address
from breakwater.core.egress import failures
from breakwater.core.egress.failures import (
    HeadTooLarge,
    InvalidHttp,
    LocalShortage,
    RequestBlocked,
    TransportError,
    socket_address,
)

_CONNECT: Final = "client error (Connect)"
_TCP_CONNECT: Final = (
    "tcp connect error",
    "tcp open error",
    "tcp bind local error",
    "tcp set_nonblocking error",
)
_UNREADABLE: Final = (pyreqwest.DecodeError, pyreqwest.RequestPanicError)
_UNTRUSTED: Final = ("UnknownIssuer", "BadSignature", "CaUsedAsEndEntity")


@dataclass(frozen=True, slots=True)
class ConnectionAttempt:
    """What was attempted, for the words of its failure."""

    host: str
    address: Address
    port: int
    secure: bool
    """Whether a TLS handshake follows connecting."""
    timeout: float
    connect_limit: float

    @property
    def where(self) -> str:
        """Return the address and port that were connected to."""
        return socket_address(self.address, self.port)


def failure_of(error: pyreqwest.PyreqwestError, attempt: ConnectionAttempt) -> TransportError:
    """Return why there was no response."""
    causes = _causes(error)
    reason = causes[-1] if causes else error.message
    in_tcp = any(cause.startswith(_TCP_CONNECT) for cause in causes)
    before_request = in_tcp or _CONNECT in causes
    connecting = in_tcp or (before_request and not attempt.secure)
    if isinstance(error, pyreqwest.RequestTimeoutError):
        return _timed_out(attempt, connecting=connecting, before_request=before_request)
    if connecting:
        return failures.connect_failed(os_error(reason), attempt.address, attempt.port)
    if resource := _resource_of(causes):
        return LocalShortage(resource)
    if before_request:
        return _handshake_failed(reason, attempt)
    return _exchange_failed(error, reason, attempt)


def _causes(error: pyreqwest.PyreqwestError) -> tuple[str, ...]:
    if not isinstance(error, pyreqwest.DetailedPyreqwestError):
        return ()
    return tuple(cause["message"] for cause in error.details["causes"] or ())


def _resource_of(causes: tuple[str, ...]) -> Resource | None:
    resources = (resource_of_errno(os_error(cause)) for cause in causes)
    return next((resource for resource in resources if resource is not None), None)


def _timed_out(attempt: ConnectionAttempt, *, connecting: bool, before_request: bool) -> TransportError:
    if connecting:
        return failures.connect_timed_out(attempt.where, attempt.connect_limit)
    if before_request:
        return failures.handshake_timed_out(attempt.where, attempt.connect_limit)
    return failures.timed_out(attempt.timeout)


def _handshake_failed(reason: str, attempt: ConnectionAttempt) -> TransportError:
    if os_error(reason) is not None or "handshake eof" in reason:
        return failures.handshake_closed(attempt.where)
    if "peer certificate" in reason:
        return _certificate_failed(reason, attempt.host)
    return failures.tls_failed(reason)


def _certificate_failed(reason: str, host: str) -> TransportError:
    if "expired" in reason:
        return failures.certificate_expired(host)
    if "not valid yet" in reason:
        return failures.certificate_not_valid_yet(host)
    if "not valid for name" in reason:
        return failures.certificate_name_mismatch(host)
    if any(word in reason for word in _UNTRUSTED):
        return failures.certificate_not_trusted(host)
    return failures.certificate_rejected(host, reason)


def _exchange_failed(
    error: pyreqwest.PyreqwestError, reason: str, attempt: ConnectionAttempt
) -> TransportError:
    number = os_error(reason)
    if "received fatal alert" in reason:  # for example: the receiver requires a client certificate
        return failures.tls_failed(reason)
    if number is None and "closed before message completed" in reason:
        return failures.closed_without_response(attempt.where)
    if number is None and "head is too large" in reason:
        return HeadTooLarge(reason)
    if number is None and (isinstance(error, _UNREADABLE) or "unexpected message" in reason):
        return InvalidHttp(reason)
    if isinstance(error, pyreqwest.BuilderError):
        return RequestBlocked(f"the request cannot be sent: {reason}")
    return failures.connection_failed(number, attempt.where)
