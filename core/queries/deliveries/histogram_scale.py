"""Where the bars of a histogram begin and end: at round times, so that they do not move between updates. Pure."""

import math
from dataclasses import dataclass
from typing import Final

MAX_BARS: Final = 48
"""Whole bars; partial ones at both ends are extra."""
_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 20, 30),
    *(_MINUTE * count for count in (1, 2, 5, 10, 15, 20, 30)),
    *(_HOUR * count for count in (1, 2, 3, 4, 6, 12)),
    *(_DAY * count for count in (1, 2, 7, 30, 90, 365)),
)
"""Seconds per bar."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The edges of the bars."""

    edges: tuple[float, ...]
    """At least two, in order: bar 0 is between the first two."""
    step: int
    """Seconds per whole bar."""


def scale(since: float, until: float, *, goes_on: bool) -> Scale:
    """Return bars from `since` to `until`; with `goes_on` the last bar is whole, because it still fills.

    A range that ends before it begins has one bar of no length.
    """
    step = _step_for(until - since)
    if until < since:
        return Scale((since, since), step)
    last = math.floor(until / step)
    between = [float(multiple * step) for multiple in range(math.floor(since / step) + 1, last + 1)]
    end = float((last + 1) * step) if goes_on else until
    return Scale((since, *(edge for edge in between if edge < end), end), step)


def _step_for(span: float) -> int:
    years = math.ceil(span / MAX_BARS / _STEPS[-1])
    return next((step for step in _STEPS if span <= step * MAX_BARS), years * _STEPS[-1])
