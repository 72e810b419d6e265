"""The progress bar of a replay as SVG, with a label for screen readers."""

from collections.abc import Iterator
from typing import Final

from markupsafe import Markup

from breakwater.core.domain.states import DeliveryState
from breakwater.core.replays import ReplayView

_KINDS: Final = {
    DeliveryState.DELIVERED: ("good", "delivered"),
    DeliveryState.FAILED: ("bad", "failed again"),
    DeliveryState.CANCELLED: ("done", "cancelled"),
    DeliveryState.IN_FLIGHT: ("out", "in flight"),
    DeliveryState.PENDING: ("level", "waiting"),
}
_MIN_PERCENT: Final = 0.6
"""Percent of the width: a single failure among thousands must be visible."""


def progress_bar(view: ReplayView) -> Markup:
    """Return the bar: resent deliveries by state, then skipped ones, then the remaining ones."""
    whole = max(view.total.value, view.resent + view.skipped, 1)
    rects, x = [], 0.0
    for kind, _words, number in _parts(view):
        width = max(100 * number / whole, _MIN_PERCENT)
        rects.append(_rect(kind, x, min(width, 100 - x)))
        x = min(x + width, 100)
    return Markup(
        '<svg class="progress" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>'
    ).format(_in_words(view), _rect("track", 0, 100), Markup("").join(rects))


def _parts(view: ReplayView) -> Iterator[tuple[str, str, int]]:
    """Yield kind, words and count of each part that is not empty; without outcomes all resent ones are one part."""
    for state, (kind, words) in _KINDS.items():
        if number := view.outcomes.get(state, 0):
            yield kind, words, number
    if not view.outcomes and view.resent:
        yield "done", "resent", view.resent
    if view.skipped:
        yield "left", "skipped", view.skipped


def _in_words(view: ReplayView) -> str:
    parts = ", ".join(f"{number:,} {words}" for _kind, words, number in _parts(view))
    return f"{view.resent + view.skipped:,} of {view.total}" + (f": {parts}" if parts else "")


def _rect(kind: str, x: float, width: float) -> Markup:
    return Markup('<rect class="{}" x="{:.2f}" y="0" width="{:.2f}" height="8"/>').format(kind, x, width)
