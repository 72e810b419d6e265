"""The attempts that a page charts: over which range, and what the circuits did meanwhile."""

from dataclasses import dataclass
from typing import Final

from breakwater.core.queries.circuits.model import TransitionView
from breakwater.core.queries.traffic.model import Traffic
from breakwater.web.pages.charts.circuit_marks import without_probes
from breakwater.web.pages.reply import PageRequest, runtime_of

MOST_MARKS: Final = 200
"""Changes of circuits that a chart marks: more could not be told apart."""


@dataclass(frozen=True, slots=True)
class Range:
    """A span of time that ends now."""

    key: str
    """What the URL says."""
    minutes: int
    words: str


RANGES: Final = (
    Range("1h", 60, "last hour"),
    Range("24h", 24 * 60, "last 24 hours"),
    Range("7d", 7 * 24 * 60, "last 7 days"),
)


@dataclass(frozen=True, slots=True)
class Charted:
    """What the charts of a page show."""

    span: Range
    traffic: Traffic
    marks: tuple[TransitionView, ...]
    """Changes of circuits within the range, newest first."""
    drawn: tuple[TransitionView, ...]
    """Those of them that the charts mark; the table has them all."""
    marks_cut: bool
    """Older changes were left out."""
    problem: str | None
    """What is wrong with the range that was asked for, and what is expected."""


def asked_range(text: str) -> tuple[Range, str | None]:
    """Return the range that a URL asks for, or the last hour and what is wrong with what it asks."""
    for span in RANGES:
        if text in {"", span.key}:
            return span, None
    return RANGES[0], f"expected {', '.join(span.key for span in RANGES[:-1])} or {RANGES[-1].key}"


async def charted(
    request: PageRequest,
    last_hour: Traffic,
    transitions: tuple[TransitionView, ...],
    endpoint_id: str | None = None,
) -> Charted:
    """Return the charts of one endpoint, or of all; what the page has of the last hour is not read again.

    `transitions` are the latest `MOST_MARKS` changes of the circuit, or of all. Of all circuits' changes the charts do
    not mark that they were probed: every circuit that stays open is, for as long as it is open.
    """
    span, problem = asked_range(request.query_params.get("range", ""))
    traffic = last_hour
    if span.minutes != last_hour.minutes:
        traffic = await runtime_of(request).queries.traffic.get(endpoint_id, span.minutes)
    first = traffic.points[0].minute * 60 if traffic.points else 0
    marks = tuple(change for change in transitions if change.at >= first)
    drawn = without_probes(marks) if endpoint_id is None else marks
    return Charted(span, traffic, marks, drawn, len(marks) >= MOST_MARKS, problem)
