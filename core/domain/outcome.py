"""The outcome of one attempt: a response or a transport failure. `verdict` evaluates it."""

from dataclasses import dataclass
from typing import Self

from breakwater.core.domain.shortage import Resource, shortage_text
from breakwater.core.domain.states import FailureClass

Headers = tuple[tuple[str, str], ...]
"""Header names and values in the order of the response."""

RESPONSE_BODY_CAP = 16 * 1024
"""Default of `BREAKWATER_RESPONSE_BODY_CAP`: bytes of a response body that are stored."""

RESPONSE_HEADERS_CAP = 16 * 1024
"""Default of `BREAKWATER_RESPONSE_HEADERS_CAP`: bytes of response headers that are stored."""

RESPONSE_HEADERS_MAX = 200
"""Response headers that are stored, however short they are: each costs time to read back and to show."""

_DECISIVE = frozenset({"retry-after", "location", "content-type"})
"""Headers that decide or explain what happens next; they come first when not all headers are stored."""


def cap_headers(headers: Headers, cap: int) -> Headers:
    """Return the headers that fit into `cap` bytes, in their order; the whole header or nothing of it.

    At most `RESPONSE_HEADERS_MAX` of them.
    """
    if len(headers) <= RESPONSE_HEADERS_MAX and sum(_size(header) for header in headers) <= cap:
        return headers
    remaining = cap
    accepted = set[int]()
    for decisive in (True, False):
        for position, header in enumerate(headers):
            if len(accepted) == RESPONSE_HEADERS_MAX:
                break
            if (header[0].lower() in _DECISIVE) is decisive and _size(header) <= remaining:
                remaining -= _size(header)
                accepted.add(position)
    return tuple(header for position, header in enumerate(headers) if position in accepted)


def _size(header: tuple[str, str]) -> int:
    name, value = header
    return len(name) + len(value) + 4  # ": " and the line end


@dataclass(frozen=True, slots=True)
class Response:
    """A response. `status` is the number in its status line, even if it is not a valid code."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    """The stored part of the body, unchanged and never decompressed."""
    body_truncated: bool = False
    """Whether the body was longer than the stored part."""
    headers_truncated: bool = False
    """Whether the receiver sent more headers than are kept."""
    elapsed: float = 0.0
    """Seconds from the start of the attempt to the end of what was read."""

    def header(self, name: str) -> str | None:
        """Return the first value of the header `name` (any case), or None."""
        lowered = name.lower()
        return next((value for key, value in self.headers if key.lower() == lowered), None)


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """No response. `failure` is its class, `detail` its description for people."""

    failure: FailureClass
    detail: str
    elapsed: float = 0.0
    """Seconds from the start of the attempt to its failure."""
    shortage: Resource | None = None
    """What this machine ran out of; only with the class `local_shortage`."""

    @classmethod
    def local_shortage(cls, resource: Resource, elapsed: float = 0.0) -> Self:
        """Return the outcome of an attempt for which this machine had no `resource` left."""
        return cls(FailureClass.LOCAL_SHORTAGE, shortage_text(resource), elapsed, resource)


Outcome = Response | TransportFailure
