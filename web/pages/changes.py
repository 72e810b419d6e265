"""What changed between two attempts of a delivery: the first thing that one looks for when it suddenly fails."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from breakwater.core.domain.outcome import Headers
from breakwater.core.queries.deliveries.model import AttemptView
from breakwater.core.text.outcomes import SUCCESS, outcome_name
from breakwater.web.pages import words

_ALWAYS_NEW: Final = frozenset({"date", "webhook-timestamp", "webhook-signature", "x-webhook-timestamp"})
"""Differ between any two attempts, and mean nothing."""
_MUCH_SLOWER: Final = 3
_SLOW_MS: Final = 500


def changes_between(attempts: Sequence[AttemptView]) -> dict[str, list[str]]:
    """Return for each attempt but the first, by its id, what differs from the one before, in words."""
    return {after.id: _changes(before, after) for before, after in pairwise(attempts)}


def _changes(before: AttemptView, after: AttemptView) -> list[str]:
    return [
        *_outcome(before, after),
        *_duration(before, after),
        *_headers("request", before.request_headers, after.request_headers),
        *_headers("response", before.response_headers, after.response_headers),
        *_body(before, after),
    ]


def _outcome(before: AttemptView, after: AttemptView) -> list[str]:
    was, is_now = _said(before), _said(after)
    return [f"{was} became {is_now}"] if was != is_now else []


def _said(attempt: AttemptView) -> str:
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
        or slow < _MUCH_SLOWER * fast
        or before.duration_ms is None
        or after.duration_ms is None
    ):
        return []
    return [f"{words.milliseconds(before.duration_ms)} became {words.milliseconds(after.duration_ms)}"]


def _headers(side: str, before: Headers, after: Headers) -> list[str]:
    if not before or not after:
        return []
    was, is_now = _by_name(before), _by_name(after)
    return [
        f"{side} header {name}: {_changed(was.get(name), is_now.get(name))}"
        for name in sorted(was.keys() | is_now.keys())
        if was.get(name) != is_now.get(name)
    ]


def _by_name(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers if name.lower() not in _ALWAYS_NEW}


def _changed(was: str | None, is_now: str | None) -> str:
    if was is None:
        return f"new, {is_now}"
    return "gone" if is_now is None else f"{was} became {is_now}"


def _body(before: AttemptView, after: AttemptView) -> list[str]:
    if (
        before.response_body is None
        or after.response_body is None
        or before.response_body == after.response_body
    ):
        return []
    return [
        f"response body: {words.size(len(before.response_body))} became {words.size(len(after.response_body))}"
    ]
