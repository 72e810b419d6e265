"""The network under httpx: judges an address, dials exactly that one, and says in plain classes what failed.

`httpcore` asks a network backend for its connections. The name reaches it unresolved; SNI, the certificate check and
the Host header stay on the name, because they are made above this.
"""

import errno
import ssl
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any, Final

import httpcore

from breakwater.core.domain.target.networks import Address
from breakwater.core.egress import failures
from breakwater.core.egress.failures import ConnectFailed, TransportError, place
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.limits import CONNECT_LIMIT, MAX_ADDRESSES

_STATUS_LINE: Final = b"HTTP/1."
_HEAD_LIMIT: Final = 256 * 1024
"""Bytes before the body. Real heads are a hundredth; a flood of 1xx responses would keep the event loop busy."""
_EXPIRED: Final = 10
_NOT_VALID_YET: Final = 9
_OTHER_NAME: Final = frozenset({62, 64})
_NOT_TRUSTED: Final = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's X509_V_ERR_* numbers."""


class JudgedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to what the guard lets through."""

    def __init__(self, guard: Guard, *, body_limit: int) -> None:
        """Make the network; `body_limit` is how many bytes of a body its reader may want."""
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
        """Connect to the first address of `host` that takes the connection.

        Raises:
            NoAnswer: in one of its kinds.

        """
        limit = CONNECT_LIMIT if timeout is None else timeout
        *others, last = (await self._guard.resolve(host, port, limit))[:MAX_ADDRESSES]
        for address in others:
            try:
                return await self._dial(address, port, host, limit)
            except ConnectFailed:
                continue
        return await self._dial(last, port, host, limit)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 -- the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 -- see above
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: a webhook never goes to a socket file."""
        raise failures.Refused(f"{path} is no place for a webhook")

    async def sleep(self, seconds: float) -> None:
        """Sleep, for httpcore's retries, which are off."""
        await self._sockets.sleep(seconds)

    async def _dial(
        self, address: Address, port: int, host: str, limit: float
    ) -> httpcore.AsyncNetworkStream:
        where = place(address, port)
        begun = monotonic()
        try:
            stream = await self._sockets.connect_tcp(str(address), port, limit)
        except httpcore.ConnectTimeout as error:
            raise failures.dialling_too_slow(where, limit) from error
        except httpcore.ConnectError as error:
            raise failures.connection_failed(_errno(error), where, ConnectFailed) from error
        return Wire(stream, host, where, connected_by=begun + limit, limit=limit, read_limit=self._read_limit)


class Wire(httpcore.AsyncNetworkStream):
    """One connection, whose errors are `NoAnswer` and whose first bytes must look like HTTP/1."""

    def __init__(
        self,
        stream: httpcore.AsyncNetworkStream,
        host: str,
        where: str,
        *,
        connected_by: float,
        limit: float,
        read_limit: int,
    ) -> None:
        self._stream = stream
        self._host = host
        self._where = where
        self._connected_by = connected_by
        self._limit = limit
        self._read_limit = read_limit
        self._read = 0
        self._first = b""

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 -- what is left of the connect limit counts
    ) -> httpcore.AsyncNetworkStream:
        """Return the connection inside TLS, within what is left of the limit for connecting."""
        left = max(0.0, self._connected_by - monotonic())
        try:
            self._stream = await self._stream.start_tls(ssl_context, server_hostname, left)
        except httpcore.ConnectTimeout as error:
            raise failures.handshake_too_slow(self._where, self._limit) from error
        except httpcore.ConnectError as error:
            raise self._handshake_failed(error) from error
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 -- httpcore's
        """Read some bytes; none at the end."""
        try:
            data = await self._stream.read(max_bytes, timeout)
        except httpcore.ReadError as error:
            raise failures.connection_failed(_errno(error) or errno.ECONNRESET, self._where) from error
        except ssl.SSLError as error:  # such as: the receiver wants a certificate of ours
            raise failures.tls_failed(error.reason or str(error)) from error
        self._check(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- httpcore's
        """Write all of `buffer`."""
        # A WriteError stays one: httpcore then reads what the receiver said before it stopped listening.
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks for about the socket."""
        return self._stream.get_extra_info(info)

    def _check(self, data: bytes) -> None:
        self._read += len(data)
        if self._read > self._read_limit:
            raise failures.not_http(f"{self._read} bytes came without an end of the headers")
        if len(self._first) < len(_STATUS_LINE):
            self._first = (self._first + data)[: len(_STATUS_LINE)]
            if not _STATUS_LINE.startswith(self._first):
                raise failures.not_http(f"it begins with {self._first!r}")
            if not data:
                raise failures.hung_up(self._where)

    def _handshake_failed(self, error: BaseException) -> TransportError:
        reason = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return _certificate_failed(reason, self._host)
        if reason is None or isinstance(reason, ssl.SSLEOFError):
            return failures.handshake_cut(self._where)
        return failures.tls_failed(reason.reason or str(reason))


def _certificate_failed(error: ssl.SSLCertVerificationError, host: str) -> TransportError:
    if error.verify_code == _EXPIRED:
        return failures.certificate_expired(host)
    if error.verify_code == _NOT_VALID_YET:
        return failures.certificate_not_valid_yet(host)
    if error.verify_code in _OTHER_NAME:
        return failures.certificate_of_another(host)
    if error.verify_code in _NOT_TRUSTED:
        return failures.certificate_not_trusted(host)
    return failures.certificate_not_accepted(host, error.verify_message)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and what it came from, in the way that anyio and httpcore wrap one another."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            yield from cause.exceptions
        cause = cause.__cause__ or cause.__context__


def _errno(error: BaseException) -> int | None:
    """Return the operating system's number of what went wrong."""
    numbers = (cause.errno for cause in _causes(error) if isinstance(cause, OSError))
    return next((number for number in numbers if number is not None), None)
