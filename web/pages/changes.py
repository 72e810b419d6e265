"""What changed between two successive attempts of a delivery."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from breakwater.core.domain.outcome import Headers
from breakwater.core.queries.deliveries.model import AttemptView
from breakwater.core.text.outcomes import SUCCESS, outcome_name
from breakwater.web.pages import words

_VOLATILE_HEADERS: Final = frozenset(
    {"date", "webhook-timestamp", "webhook-signature", "x-webhook-timestamp"}
)
"""Headers that differ between any two attempts."""
_MAX_HEADERS: Final = 200
"""Headers of one side that are compared."""
_MAX_CHANGES: Final = 20
"""Changed headers of one side that are listed."""
_MAX_VALUE: Final = 200
"""Characters of a header value in a change."""
_SLOWER_FACTOR: Final = 3
_SLOW_MS: Final = 500


def changes_between(attempts: Sequence[AttemptView]) -> dict[str, list[str]]:
    """Return the changes from the previous attempt in words, by attempt id, for each attempt but the first."""
    return {after.id: _changes(before, after) for before, after in pairwise(attempts)}


def _changes(before: AttemptView, after: AttemptView) -> list[str]:
    return [
        *_outcome(before, after),
        *_duration(before, after),
        *_headers("Request", before.request_headers, after.request_headers),
        *_headers("Response", before.response_headers, after.response_headers),
        *_body(before, after),
    ]


def _outcome(before: AttemptView, after: AttemptView) -> list[str]:
    old, new = _result(before), _result(after)
    if old == new:
        return []
    both_statuses = before.status_code is not None and after.status_code is not None
    return [f"{'Status' if both_statuses else 'Result'} {old} → {new}"]


def _result(attempt: AttemptView) -> str:
    if attempt.status_code is not None:
        return str(attempt.status_code)
    return outcome_name(attempt.failure_class or SUCCESS)


def _duration(before: AttemptView, after: AttemptView) -> list[str]:
    slow, fast = (
        max(before.duration_ms or 0, after.duration_ms or 0),
        min(before.duration_ms or 0, after.duration_ms or 0),
    )
    if (
        slow < _SLOW_MS
        or slow < _SLOWER_FACTOR * fast
        or before.duration_ms is None
        or after.duration_ms is None
    ):
        return []
    return [f"Duration {words.milliseconds(before.duration_ms)} → {words.milliseconds(after.duration_ms)}"]


def _headers(side: str, before: Headers, after: Headers) -> list[str]:
    if not before or not after:
        return []
    old, new = _by_name(before), _by_name(after)
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    listed = [
        f"{side} header {name}: {_header_change(old.get(name), new.get(name))}"
        for name in names[:_MAX_CHANGES]
    ]
    hidden = len(names) - len(listed)
    return [*listed, f"{hidden} more {side.lower()} headers changed"] if hidden else listed


def _by_name(headers: Headers) -> dict[str, str]:
    lowered = ((name.lower(), value) for name, value in headers[:_MAX_HEADERS])
    return {name: _shortened(value) for name, value in lowered if name not in _VOLATILE_HEADERS}


def _shortened(value: str) -> str:
    return value if len(value) <= _MAX_VALUE else f"{value[:_MAX_VALUE]}…"


def _header_change(old: str | None, new: str | None) -> str:
    if old is None:
        return f"added, {new}"
    return "removed" if new is None else f"{old} → {new}"


def _body(before: AttemptView, after: AttemptView) -> list[str]:
    if (
        before.response_body is None
        or after.response_body is None
        or before.response_body == after.response_body
    ):
        return []
    old, new = words.size(len(before.response_body)), words.size(len(after.response_body))
    return [f"Response body changed ({old})" if old == new else f"Response body {old} → {new}"]
