"""Which phase of connecting was too slow, when pyreqwest's chain of causes does not name it."""

from ipaddress import IPv4Address

from pyreqwest.exceptions import ConnectTimeoutError

from breakwater.core.domain.states import FailureClass
from breakwater.core.egress.failures import ConnectFailed
from breakwater.core.egress.reqwest.failures import ConnectionAttempt, failure_of

OUTER_TIMER = ConnectTimeoutError(
    "connection timeout",
    {
        "message": "connection timeout",
        "causes": [{"message": "client error (Connect)"}, {"message": "operation timed out"}],
    },
)


def attempt(*, secure: bool) -> ConnectionAttempt:
    address = IPv4Address("192.0.2.1")
    return ConnectionAttempt("hooks.example", address, 8080, secure, timeout=30.0, connect_limit=10.0)


def test_without_tls_a_timeout_before_the_request_is_a_connect_timeout() -> None:
    failure = failure_of(OUTER_TIMER, attempt(secure=False))
    assert isinstance(failure, ConnectFailed), "the next address is tried"
    assert failure.failure is FailureClass.TIMEOUT
    assert failure.detail == "timed out: no connection to 192.0.2.1:8080 within 10 s"


def test_with_tls_a_timeout_after_connecting_is_a_handshake_timeout() -> None:
    failure = failure_of(OUTER_TIMER, attempt(secure=True))
    assert failure.failure is FailureClass.TLS
    assert failure.detail == "TLS handshake with 192.0.2.1:8080 not complete within 10 s"
