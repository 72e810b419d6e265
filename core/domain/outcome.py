"""What one attempt met: a response, or a class of failure. Values only; `verdict` says what they mean."""

from dataclasses import dataclass

from breakwater.core.domain.states import FailureClass

Headers = tuple[tuple[str, str], ...]
"""Header names and values in the order in which they were on the wire."""

RESPONSE_BODY_CAP = 16 * 1024
"""Bytes of a response body that are kept unless `BREAKWATER_RESPONSE_BODY_CAP` says otherwise. Response bodies are most
of what fills a peer's attempt table."""


@dataclass(frozen=True, slots=True)
class Response:
    """The receiver answered: `status` is what its status line said, even when it is no valid code."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    """As much as is kept, as it came: never decompressed."""
    body_truncated: bool = False
    """Whether the receiver sent, or would have sent, more than is kept."""
    elapsed: float = 0.0
    """Seconds from the start of the attempt to the end of what was read."""

    def header(self, name: str) -> str | None:
        """Return the first value of the header `name` (any case), or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """There was no response: `failure` says of which kind, `detail` in words that a person can act on."""

    failure: FailureClass
    detail: str
    elapsed: float = 0.0
    """Seconds from the start of the attempt to its failure."""


Outcome = Response | TransportFailure
