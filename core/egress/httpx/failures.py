"""What httpx raises, in the classes and words of `failures`.

Little of it comes from the guarded network, which says itself what failed; the rest is for the parser's errors and
for other transports (`respx`, `httpx.MockTransport`).
"""

import httpx

from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.target import Target
from breakwater.core.egress import failures
from breakwater.core.egress.failures import ConnectFailed, Refused, TransportError


def failure_of(error: httpx.TransportError, target: Target, timeout: float) -> TransportError:
    """Return why there was no response from `target` within `timeout` seconds."""
    where = f"{target.host}:{target.port}"
    match error:
        case httpx.ConnectTimeout():
            return ConnectFailed(FailureClass.TIMEOUT, f"connecting to {where} took too long")
        case httpx.TimeoutException():
            return failures.deadline_passed(timeout)
        case httpx.RemoteProtocolError() if "disconnected" in str(error):
            return failures.hung_up(where)
        case httpx.RemoteProtocolError():
            return failures.not_http(str(error))
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return Refused(f"the request cannot be sent: {error}")
        case _:
            return TransportError(
                FailureClass.CONNECT, f"connection to {where} failed: {str(error) or 'it broke'}"
            )
