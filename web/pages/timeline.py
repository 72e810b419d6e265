"""The attempts of a delivery as its page shows them: within a budget, the newest ones whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from breakwater.core.domain.outcome import Headers
from breakwater.core.queries.deliveries.model import AttemptView, DeliveryDetail
from breakwater.web.pages.bodies import ShownBody, as_curl, shown_body, shown_text
from breakwater.web.pages.changes import changes_between

MAX_CONTENT: Final = 512 * 1024
"""Characters of headers and bodies on one page, as escaped. The attempts beyond it show only their line."""
MAX_HEADERS: Final = 100
"""Headers of one request or response on a page."""
MAX_VALUE: Final = 4_096
"""Characters of one header value on a page."""
_LINE: Final = 64
"""Characters that the markup of a header counts for."""


@dataclass(frozen=True, slots=True)
class ShownHeaders:
    """The headers of one request or response, ready for a page."""

    pairs: Headers
    omitted: int


@dataclass(frozen=True, slots=True)
class ShownAttempt:
    """The content of one attempt, ready for a page."""

    changes: Sequence[str]
    """What differs from the previous attempt."""
    body: ShownBody | None
    request_headers: ShownHeaders
    response_headers: ShownHeaders


@dataclass(frozen=True, slots=True)
class DeliveryContent:
    """What the page of a delivery shows of what callers and receivers wrote."""

    payload: ShownBody
    curl: Markup
    attempts: dict[str, ShownAttempt]
    """By attempt id; the attempts that are missing here are beyond the budget of the page."""


def delivery_content(detail: DeliveryDetail) -> DeliveryContent:
    """Return the content of the page of a delivery."""
    attempts = detail.attempts
    headers = attempts[-1].request_headers if attempts else (("Content-Type", "application/json"),)
    curl = as_curl(detail.row.webhook_url, headers, detail.payload)
    return DeliveryContent(shown_body(detail.payload), shown_text(curl), shown_attempts(attempts))


def content_size(detail: DeliveryDetail) -> int:
    """Return about how many characters of payload, bodies and headers a delivery has."""
    return len(detail.payload) + sum(map(_attempt_size, detail.attempts))


def shown_attempts(attempts: Sequence[AttemptView]) -> dict[str, ShownAttempt]:
    """Return the content of the newest attempts by attempt id, as far as the budget of the page reaches."""
    shown: dict[str, ShownAttempt] = {}
    room = MAX_CONTENT
    for position in range(len(attempts) - 1, -1, -1):
        if room <= 0:
            break
        attempt = attempts[position]
        previous = attempts[max(position - 1, 0) : position]
        content = _shown_attempt(attempt, changes_between([*previous, attempt]).get(attempt.id, []))
        shown[attempt.id] = content
        room -= _shown_size(content)
    return shown


def _shown_attempt(attempt: AttemptView, changes: Sequence[str]) -> ShownAttempt:
    return ShownAttempt(
        changes,
        None if attempt.response_body is None else shown_body(attempt.response_body),
        _shown_headers(attempt.request_headers),
        _shown_headers(attempt.response_headers),
    )


def _shown_headers(headers: Headers) -> ShownHeaders:
    pairs = tuple((name, _shortened(value)) for name, value in headers[:MAX_HEADERS])
    return ShownHeaders(pairs, len(headers) - len(pairs))


def _shortened(value: str) -> str:
    return value if len(value) <= MAX_VALUE else f"{value[:MAX_VALUE]}…"


def _attempt_size(attempt: AttemptView) -> int:
    body = len(attempt.response_body or b"")
    return body + _headers_size(attempt.request_headers) + _headers_size(attempt.response_headers)


def _shown_size(content: ShownAttempt) -> int:
    body = content.body
    return (
        (0 if body is None else len(body.raw) + len(body.indented or ""))
        + _headers_size(content.request_headers.pairs)
        + _headers_size(content.response_headers.pairs)
    )


def _headers_size(headers: Iterable[tuple[str, str]]) -> int:
    return sum(len(name) + len(value) + _LINE for name, value in headers)
