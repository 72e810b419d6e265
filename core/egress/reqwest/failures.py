"""What pyreqwest raises, in the classes and words of `failures`.

Its exception types tell little (a total timeout before the headers arrives as `ConnectTimeoutError`). Its chain of
causes tells nearly all: `client error (Connect)` is dialling or the handshake, `tcp ... error` is dialling alone. Both
have a timer of the same length, and the outer one can strike first: then only the scheme tells that it was dialling.
"""

import re
from dataclasses import dataclass
from typing import Final

from pyreqwest import exceptions as pyreqwest

from breakwater.core.egress import failures
from breakwater.core.egress.failures import ConnectFailed, Refused, TransportError

_CONNECT: Final = "client error (Connect)"
_DIALLING: Final = (
    "tcp connect error",
    "tcp open error",
    "tcp bind local error",
    "tcp set_nonblocking error",
)
_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")
_UNTRUSTED: Final = ("UnknownIssuer", "BadSignature", "CaUsedAsEndEntity")


@dataclass(frozen=True, slots=True)
class Dialled:
    """What was attempted, for the words of its failure."""

    host: str
    where: str
    secure: bool
    """Whether a TLS handshake follows dialling."""
    timeout: float
    connect_limit: float


def failure_of(error: pyreqwest.PyreqwestError, dialled: Dialled) -> TransportError:
    """Return why there was no response."""
    causes = _causes(error)
    reason = causes[-1] if causes else error.message
    named = any(cause.startswith(_DIALLING) for cause in causes)
    connecting = named or _CONNECT in causes
    dialling = named or (connecting and not dialled.secure)
    if isinstance(error, pyreqwest.RequestTimeoutError):
        return _too_slow(dialled, dialling=dialling, connecting=connecting)
    if dialling:
        return failures.connection_failed(_os_error(reason), dialled.where, ConnectFailed)
    if connecting:
        return _handshake_failed(reason, dialled)
    return _exchange_failed(error, reason, dialled)


def _causes(error: pyreqwest.PyreqwestError) -> tuple[str, ...]:
    if not isinstance(error, pyreqwest.DetailedPyreqwestError):
        return ()
    return tuple(cause["message"] for cause in error.details["causes"] or ())


def _os_error(reason: str) -> int | None:
    match = _OS_ERROR.search(reason)
    return int(match[1]) if match else None


def _too_slow(dialled: Dialled, *, dialling: bool, connecting: bool) -> TransportError:
    if dialling:
        return failures.dialling_too_slow(dialled.where, dialled.connect_limit)
    if connecting:
        return failures.handshake_too_slow(dialled.where, dialled.connect_limit)
    return failures.deadline_passed(dialled.timeout)


def _handshake_failed(reason: str, dialled: Dialled) -> TransportError:
    if _os_error(reason) is not None or "handshake eof" in reason:
        return failures.handshake_cut(dialled.where)
    if "peer certificate" in reason:
        return _certificate_failed(reason, dialled.host)
    return failures.tls_failed(reason)


def _certificate_failed(reason: str, host: str) -> TransportError:
    if "expired" in reason:
        return failures.certificate_expired(host)
    if "not valid yet" in reason:
        return failures.certificate_not_valid_yet(host)
    if "not valid for name" in reason:
        return failures.certificate_of_another(host)
    if any(word in reason for word in _UNTRUSTED):
        return failures.certificate_not_trusted(host)
    return failures.certificate_not_accepted(host, reason)


def _exchange_failed(error: pyreqwest.PyreqwestError, reason: str, dialled: Dialled) -> TransportError:
    number = _os_error(reason)
    if "received fatal alert" in reason:  # such as: the receiver wants a certificate of ours
        return failures.tls_failed(reason)
    if number is None and "closed before message completed" in reason:
        return failures.hung_up(dialled.where)
    if number is None and (isinstance(error, pyreqwest.DecodeError) or "unexpected message" in reason):
        return failures.not_http(reason)
    if isinstance(error, pyreqwest.BuilderError):
        return Refused(f"the request cannot be sent: {reason}")
    return failures.connection_failed(number, dialled.where)
