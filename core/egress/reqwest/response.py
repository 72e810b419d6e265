"""A response whose head is here: its status has decided the outcome, its body is read as far as it is kept."""

from time import perf_counter

from pyreqwest.exceptions import PyreqwestError
from pyreqwest.http import HeaderMap
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response as WireResponse

from breakwater.core.domain.outcome import Headers, Response


class Answer:
    """Reads a body in pieces, so that what came is kept when the rest does not."""

    __slots__ = ("_pieces", "_response", "_size", "_streamed", "_whole")

    def __init__(self, streamed: StreamRequest, response: WireResponse) -> None:
        self._streamed = streamed
        self._response = response
        self._pieces: list[bytes] = []
        self._size = 0
        self._whole = False

    async def read(self, cap: int) -> None:
        """Read until the end, or until more than `cap` bytes are here. Can be cancelled at any time."""
        expected = self._announced_size()
        reader = self._response.body_reader
        try:
            # The announced size spares the last await of most responses, the one that would only say "no more".
            while self._size <= cap and self._size != expected:
                piece = await reader.read_chunk()
                if piece is None:
                    break
                # The client reads ahead in ever larger pieces: of 16 and 64 kB at a time only what is kept is copied.
                self._pieces.append(bytes(memoryview(piece)[: max(0, cap - self._size)]))
                self._size += len(piece)
            else:
                self._whole = self._size == expected
                return
        except PyreqwestError:
            return  # cut short after the head: that changes nothing
        self._whole = True

    async def outcome(self, cap: int, started: float) -> Response:
        """Return what was read, and close the connection if there is more: nobody waits for the rest."""
        if not self._whole:
            await self._streamed.__aexit__(None, None, None)
        return Response(
            status=self._response.status,
            headers=_headers(self._response.headers),
            body=b"".join(self._pieces),
            body_truncated=not self._whole or self._size > cap,
            elapsed=perf_counter() - started,
        )

    def _announced_size(self) -> int | None:
        """Return the length of the body when its head says it; the client has checked that it is a number."""
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
    """Return the headers when the value of one is not ASCII: pyreqwest does not give those out."""
    found: list[tuple[str, str]] = []
    items = iter(headers.items())
    for name in headers:
        try:
            found.append(next(items))
        except ValueError:
            found.append((name, "(not ASCII)"))
    return found
