"""Maps what httpx raises to the classes and words of `failures`.

The guarded network raises `TransportError` itself. What is left are the parser's errors and those of other transports
(`respx`, `httpx.MockTransport`).
"""

import httpx

from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.target import Target
from breakwater.core.egress import failures
from breakwater.core.egress.failures import ConnectFailed, InvalidHttp, RequestBlocked, TransportError


def failure_of(error: httpx.TransportError, target: Target, timeout: float) -> TransportError:
    """Return why there was no response from `target` within `timeout` seconds."""
    where = f"{target.host}:{target.port}"
    match error:
        case httpx.ConnectTimeout():
            return ConnectFailed(FailureClass.TIMEOUT, f"timed out: no connection to {where}")
        case httpx.TimeoutException():
            return failures.timed_out(timeout)
        case httpx.RemoteProtocolError() if "disconnected" in str(error):
            return failures.closed_without_response(where)
        case httpx.RemoteProtocolError():
            return InvalidHttp(str(error))
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return RequestBlocked(f"the request cannot be sent: {error}")
        case _:
            return TransportError(
                FailureClass.CONNECT, f"connection to {where} failed: {str(error) or 'connection lost'}"
            )
