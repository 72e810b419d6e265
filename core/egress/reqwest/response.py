"""A response whose head has arrived: its status decides the outcome, and its body is read up to a limit."""

from time import perf_counter

from pyreqwest.exceptions import PyreqwestError
from pyreqwest.http import HeaderMap
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response as WireResponse

from breakwater.core.domain.outcome import Headers, Response


class StreamedResponse:
    """Reads a body in pieces, so that the pieces that arrived are kept when the rest does not arrive."""

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
                if piece is None:
                    break
                # The client reads ahead in growing pieces; only the bytes below the cap are copied.
                self._pieces.append(bytes(memoryview(piece)[: max(0, cap - self._size)]))
                self._size += len(piece)
            else:
                self._complete = self._size == expected
                return
        except PyreqwestError:
            return  # the body ends early, but the head has decided the outcome
        self._complete = True

    async def to_outcome(self, cap: int, started: float) -> Response:
        """Return what was read, and close the connection if there is more to read."""
        if not self._complete:
            await self._streamed.__aexit__(None, None, None)
        return Response(
            status=self._response.status,
            headers=_headers(self._response.headers),
            body=b"".join(self._pieces),
            body_truncated=not self._complete or self._size > cap,
            elapsed=perf_counter() - started,
        )

    def _announced_size(self) -> int | None:
        """Return the length of the body when the head says it; the client has checked that it is a number."""
        if self._response.get_header("transfer-encoding") is not None:
            return None
        length = self._response.get_header("content-length")
        return None if length is None else int(length)


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
