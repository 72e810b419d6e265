"""The attempts that the charts of a page show, and the circuit changes in the same range."""

from dataclasses import dataclass
from typing import Final

from breakwater.core.queries.circuits.model import TransitionView
from breakwater.core.queries.traffic.model import Traffic
from breakwater.web.pages.charts.circuit_marks import without_probes
from breakwater.web.pages.reply import PageRequest, runtime_of

MAX_CHANGES: Final = 200
"""Circuit changes that a chart marks. More would overlap."""


@dataclass(frozen=True, slots=True)
class Range:
    """A time range that ends now."""

    key: str
    """The value in the URL."""
    minutes: int
    label: str


RANGES: Final = (
    Range("1h", 60, "last hour"),
    Range("24h", 24 * 60, "last 24 hours"),
    Range("7d", 7 * 24 * 60, "last 7 days"),
)


@dataclass(frozen=True, slots=True)
class TrafficCharts:
    """The data of a page's charts."""

    range: Range
    traffic: Traffic
    changes: tuple[TransitionView, ...]
    """Circuit changes in the range, newest first."""
    marked: tuple[TransitionView, ...]
    """The changes that the charts mark. The table lists all of them."""
    truncated: bool
    """Whether older changes are left out."""
    problem: str | None
    """What is wrong with the range in the URL, with the values that are allowed."""


def parse_range(text: str) -> tuple[Range, str | None]:
    """Return the range of that key; for an unknown key the last hour, and the problem."""
    for range_ in RANGES:
        if text in {"", range_.key}:
            return range_, None
    keys = [range_.key for range_ in RANGES]
    return RANGES[0], f'Unknown range "{text}". Use {", ".join(keys[:-1])} or {keys[-1]}.'


async def load_charts(
    request: PageRequest,
    last_hour: Traffic,
    transitions: tuple[TransitionView, ...],
    endpoint_id: str | None = None,
    *,
    longest_ms: float,
) -> TrafficCharts:
    """Return the charts of one endpoint, or of all endpoints. The last hour is passed in, as the page has it already.

    `transitions` are the latest `MAX_CHANGES` changes of the circuit, or of all circuits. The charts of all endpoints
    do not mark probes, because every open circuit is probed again and again. No attempt takes longer than `longest_ms`.
    """
    selected, problem = parse_range(request.query_params.get("range", ""))
    traffic = last_hour
    if selected.minutes != last_hour.minutes:
        traffic = await runtime_of(request).queries.traffic.get(endpoint_id, selected.minutes)
    traffic = traffic.capped(longest_ms)
    first = traffic.points[0].minute * 60 if traffic.points else 0
    changes = tuple(change for change in transitions if change.at >= first)
    marked = without_probes(changes) if endpoint_id is None else changes
    return TrafficCharts(selected, traffic, changes, marked, len(changes) >= MAX_CHANGES, problem)
