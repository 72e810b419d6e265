"""A response whose head has arrived: its status decides the outcome, and its body is read up to a limit."""

from contextlib import suppress
from time import perf_counter
from typing import Final

from pyreqwest.exceptions import PyreqwestError
from pyreqwest.http import HeaderMap
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response as WireResponse

from breakwater.core.domain.outcome import Headers, Response, cap_headers
from breakwater.core.egress.limits import raise_if_cancelled

_MAX_DIGITS: Final = 18
"""Of a Content-Length: more bytes than any body has."""


class StreamedResponse:
    """Reads a body in pieces, so that a body that ends early is stored as far as it arrived."""

    __slots__ = ("_complete", "_pieces", "_response", "_size", "_streamed")

    def __init__(self, streamed: StreamRequest, response: WireResponse) -> None:
        self._streamed = streamed
        self._response = response
        self._pieces: list[bytes] = []
        self._size = 0
        self._complete = False

    async def read(self, cap: int) -> None:
        """Read until the end or until more than `cap` bytes have arrived. Can be cancelled at any time."""
        expected = self._announced_size()
        reader = self._response.body_reader
        try:
            # The announced size saves the last await of most responses, which would only return the end.
            while self._size <= cap and self._size != expected:
                piece = await reader.read_chunk()
                raise_if_cancelled()
                if piece is None:
                    break
                # The client reads ahead in growing pieces; only the bytes below the cap are copied.
                self._pieces.append(bytes(memoryview(piece)[: max(0, cap - self._size)]))
                self._size += len(piece)
            else:
                self._complete = self._size == expected
                return
        except Exception:  # noqa: BLE001 -- the head has decided the outcome, however the body ends
            return
        self._complete = True
        # The client's thread returns the connection to its pool once it has read the end, before the next request.
        with suppress(PyreqwestError):
            await self._streamed.__aexit__(None, None, None)

    async def to_outcome(self, cap: int, headers_cap: int, started: float) -> Response:
        """Return what was read, and close the connection if there is more to read."""
        if not self._complete:
            with suppress(PyreqwestError):
                await self._streamed.__aexit__(None, None, None)
        received = _headers(self._response.headers)
        headers = cap_headers(received, headers_cap)
        return Response(
            status=self._response.status,
            headers=headers,
            headers_truncated=len(headers) < len(received),
            body=b"".join(self._pieces),
            body_truncated=not self._complete or self._size > cap,
            elapsed=perf_counter() - started,
        )

    def _announced_size(self) -> int | None:
        """Return the length of the body if the head announces one that can be read.

        The client has checked it, except where the response has no body (204, 304). A list of equal lengths is one
        length (RFC 9110, section 8.6).
        """
        try:
            if self._response.get_header("transfer-encoding") is not None:
                return None
            lengths = self._response.get_header("content-length") or ""
        except ValueError:  # a value that is not ASCII
            return None
        length = lengths.partition(",")[0].strip()
        return int(length) if length.isdecimal() and len(length) <= _MAX_DIGITS else None


def _headers(headers: HeaderMap) -> Headers:
    try:
        return tuple(headers.items())
    except ValueError:
        return tuple(_readable(headers))


def _readable(headers: HeaderMap) -> list[tuple[str, str]]:
    """Return the headers when one has a value that is not ASCII: pyreqwest raises instead of returning such values."""
    readable: list[tuple[str, str]] = []
    items = iter(headers.items())
    for name in headers:
        try:
            readable.append(next(items))
        except ValueError:
            readable.append((name, "(not ASCII)"))
    return readable
