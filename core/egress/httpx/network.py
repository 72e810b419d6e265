"""The network backend under httpx: connects only to checked addresses and reports failures as `TransportError`.

`httpcore` asks a network backend for its connections and passes the host name unresolved. SNI, the certificate check
and the Host header use the name, because the layers above handle them.
"""

import errno
import ssl
from collections.abc import Iterable
from time import monotonic
from typing import Any, Final

import httpcore

from breakwater.core.domain.shortage import causes
from breakwater.core.domain.target.networks import Address
from breakwater.core.egress import failures
from breakwater.core.egress.failures import ConnectFailed, InvalidHttp, TransportError, socket_address
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.limits import CONNECT_LIMIT, MAX_ADDRESSES

_STATUS_LINE: Final = b"HTTP/1."
_HEAD_LIMIT: Final = 256 * 1024
"""Bytes before the body. Real heads are far smaller; an endless run of 1xx responses would block the event loop."""
_EXPIRED: Final = 10
_NOT_VALID_YET: Final = 9
_OTHER_NAME: Final = frozenset({62, 64})
_NOT_TRUSTED: Final = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's X509_V_ERR_* numbers."""


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that the guard allows."""

    def __init__(self, guard: Guard, *, body_limit: int) -> None:
        """Create the network; `body_limit` is the number of body bytes that its reader may read."""
        self._guard = guard
        self._read_limit = body_limit + _HEAD_LIMIT
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the signature is httpcore's
        local_address: str | None = None,  # noqa: ARG002 -- see above
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 -- see above
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of `host` that accepts the connection.

        Raises:
            TransportError: when the host does not resolve, is blocked, or no address accepts the connection.

        """
        limit = CONNECT_LIMIT if timeout is None else timeout
        *others, last = (await self._guard.resolve(host, port, limit))[:MAX_ADDRESSES]
        for address in others:
            try:
                return await self._connect(address, port, host, limit)
            except ConnectFailed:
                continue
        return await self._connect(last, port, host, limit)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 -- the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 -- see above
    ) -> httpcore.AsyncNetworkStream:
        """Raise RequestBlocked: webhooks are never sent to a Unix socket."""
        raise failures.RequestBlocked(f"{path} is a Unix socket; webhooks are sent over TCP only")

    async def sleep(self, seconds: float) -> None:
        """Sleep, for httpcore's retries, which are off."""
        await self._sockets.sleep(seconds)

    async def _connect(
        self, address: Address, port: int, host: str, limit: float
    ) -> httpcore.AsyncNetworkStream:
        where = socket_address(address, port)
        started = monotonic()
        try:
            stream = await self._sockets.connect_tcp(str(address), port, limit)
        except httpcore.ConnectTimeout as error:
            raise failures.connect_timed_out(where, limit) from error
        except httpcore.ConnectError as error:
            raise failures.connect_failed(_errno(error), address, port) from error
        return GuardedStream(
            stream, host, where, connect_deadline=started + limit, limit=limit, read_limit=self._read_limit
        )


class GuardedStream(httpcore.AsyncNetworkStream):
    """One connection, whose errors are `TransportError` and whose first bytes must look like HTTP/1."""

    def __init__(
        self,
        stream: httpcore.AsyncNetworkStream,
        host: str,
        where: str,
        *,
        connect_deadline: float,
        limit: float,
        read_limit: int,
    ) -> None:
        self._stream = stream
        self._host = host
        self._where = where
        self._connect_deadline = connect_deadline
        self._limit = limit
        self._read_limit = read_limit
        self._read = 0
        self._first = b""

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 -- the remaining connect limit applies
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS within the remaining connect limit."""
        remaining = max(0.0, self._connect_deadline - monotonic())
        try:
            self._stream = await self._stream.start_tls(ssl_context, server_hostname, remaining)
        except httpcore.ConnectTimeout as error:
            raise failures.handshake_timed_out(self._where, self._limit) from error
        except httpcore.ConnectError as error:
            raise self._handshake_failed(error) from error
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 -- httpcore's
        """Read some bytes; an empty result is the end."""
        try:
            data = await self._stream.read(max_bytes, timeout)
        except httpcore.ReadError as error:
            raise failures.connection_failed(_errno(error) or errno.ECONNRESET, self._where) from error
        except ssl.SSLError as error:  # for example: the receiver requires a client certificate
            raise failures.tls_failed(error.reason or str(error)) from error
        self._check(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- httpcore's
        """Write all of `buffer`."""
        try:
            await self._stream.write(buffer, timeout)
        except httpcore.WriteError as error:
            failures.raise_if_shortage(error)
            # Otherwise httpcore reads the response that the receiver sent before it closed the connection.
            raise

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Return information about the socket."""
        return self._stream.get_extra_info(info)

    def _check(self, data: bytes) -> None:
        self._read += len(data)
        if self._read > self._read_limit:
            raise InvalidHttp(f"no end of the headers within {self._read} bytes")
        if len(self._first) < len(_STATUS_LINE):
            self._first = (self._first + data)[: len(_STATUS_LINE)]
            if not _STATUS_LINE.startswith(self._first):
                raise InvalidHttp(f"it begins with {self._first!r}")
            if not data:
                raise failures.closed_without_response(self._where)

    def _handshake_failed(self, error: BaseException) -> TransportError:
        failures.raise_if_shortage(error)
        reason = next((cause for cause in causes(error) if isinstance(cause, ssl.SSLError)), None)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return _certificate_failed(reason, self._host)
        if reason is None or isinstance(reason, ssl.SSLEOFError):
            return failures.handshake_closed(self._where)
        return failures.tls_failed(reason.reason or str(reason))


def _certificate_failed(error: ssl.SSLCertVerificationError, host: str) -> TransportError:
    if error.verify_code == _EXPIRED:
        return failures.certificate_expired(host)
    if error.verify_code == _NOT_VALID_YET:
        return failures.certificate_not_valid_yet(host)
    if error.verify_code in _OTHER_NAME:
        return failures.certificate_name_mismatch(host)
    if error.verify_code in _NOT_TRUSTED:
        return failures.certificate_not_trusted(host)
    return failures.certificate_rejected(host, error.verify_message)


def _errno(error: BaseException) -> int | None:
    """Return the operating system's error number, or None when no cause has one."""
    numbers = (cause.errno for cause in causes(error) if isinstance(cause, OSError))
    return next((number for number in numbers if number is not None), None)
