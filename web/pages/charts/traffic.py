"""Charts of attempts over time as SVG: rates, latencies and outcomes.

They use neither scripts nor inline styles. Each has a title with its figures, and a table below shows all of them. The
SVG is stretched to the page, so the scales beside it are HTML.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from markupsafe import Markup

from breakwater.core.queries.circuits.model import TransitionView
from breakwater.core.queries.traffic.model import Latency, Traffic, TrafficPoint
from breakwater.core.text.outcomes import OutcomeGroup, group_name, outcome_group
from breakwater.core.text.zones import reader_time, reader_zone, zone_at
from breakwater.web.pages.charts.circuit_marks import marks_of, render_marks
from breakwater.web.pages.words import milliseconds, share

WIDTH: Final = 960.0
HEIGHT: Final = 120.0
_MIN_HEIGHT: Final = 1.0
"""A single failure among a thousand deliveries must be visible."""
_DAY: Final = 1440
PERCENTILES: Final = ("p50", "p95", "p99")


def clock(minute: int, traffic: Traffic) -> str:
    """Return the time of a minute in the charts of `traffic`, with its date unless it is today."""
    now = (traffic.points[0].minute + traffic.minutes - 1) * 60
    today = reader_time(minute * 60).date() == reader_time(now).date()
    return _clock(minute, reader_zone(), dated=not today or _is_long(traffic))


def _is_long(traffic: Traffic) -> bool:
    return traffic.minutes > _DAY + traffic.step


# A page formats each point's time four times, and the next page nearly all of them again.
@lru_cache(maxsize=4_096)
def _clock(minute: int, zone: tzinfo, *, dated: bool) -> str:
    return datetime.fromtimestamp(minute * 60, zone).strftime("%d %b %H:%M" if dated else "%H:%M")


def _clock_with_zone(minute: int, traffic: Traffic) -> str:
    return f"{clock(minute, traffic)} {zone_at(minute * 60)}"


def axis(traffic: Traffic) -> list[str]:
    """Return the times below a chart, evenly from the first point to the last; only a long axis has dates."""
    marks = 4 if _is_long(traffic) else 5
    last = len(traffic.points) - 1
    minutes = (traffic.points[round(last * mark / (marks - 1))].minute for mark in range(marks))
    return [_clock(minute, reader_zone(), dated=_is_long(traffic)) for minute in minutes]


def group_counts(by_outcome: Mapping[str, int]) -> Mapping[OutcomeGroup, int]:
    """Return attempts by outcome group; 0 for groups that did not occur."""
    return _group_counts(tuple(by_outcome.items()))


@lru_cache(maxsize=1_000)  # a page uses each point eight times: scales, bars, titles, table
def _group_counts(by_outcome: tuple[tuple[str, int], ...]) -> Mapping[OutcomeGroup, int]:
    counts: Counter[OutcomeGroup] = Counter()
    for outcome, attempts in by_outcome:
        counts[outcome_group(outcome)] += attempts
    return MappingProxyType(counts)


def occurring_groups(traffic: Traffic) -> list[tuple[OutcomeGroup, str]]:
    """Return the groups that occur, with their names; always `delivered`, because failures alone would mislead."""
    counts = group_counts(traffic.by_outcome)
    return [
        (group, group_name(group))
        for group in OutcomeGroup
        if counts[group] or group is OutcomeGroup.DELIVERED
    ]


def attempts_scale(traffic: Traffic) -> list[str]:
    """Return the scale of the chart of attempts per minute, from top to bottom."""
    top = _top(traffic)
    return [f"{figure:,.0f}" if figure >= 1 or not figure else f"{figure:g}" for figure in (top, top / 2, 0)]


def attempts_chart(traffic: Traffic, marks: Sequence[TransitionView] = ()) -> Markup:
    """Return attempts per minute as bars, stacked by outcome group."""
    top = _top(traffic)
    bars = [_stack(_rates(traffic, point), top, min_height=_MIN_HEIGHT) for point in traffic.points]
    return _render_chart(
        "attempts", _attempts_in_words(traffic), traffic, marks, _bars(bars), _outcomes_in_words
    )


def mix_chart(traffic: Traffic, marks: Sequence[TransitionView] = ()) -> Markup:
    """Return each group's share of the attempts as bars of equal height."""
    bars = [
        _stack(group_counts(point.by_outcome), sum(point.by_outcome.values())) for point in traffic.points
    ]
    return _render_chart("mix", _mix_in_words(traffic), traffic, marks, _bars(bars), _outcomes_in_words)


def latency_scale(traffic: Traffic) -> list[str]:
    """Return the scale of the latency chart in powers of ten, from top to bottom."""
    low, high = _decades(traffic)
    return [f"{10**k} ms" if k < 3 else f"{10 ** (k - 3):,} s" for k in range(high, low - 1, -1)]  # noqa: PLR2004 - 1,000 ms


def latency_chart(traffic: Traffic, marks: Sequence[TransitionView] = ()) -> Markup:
    """Return the percentiles of response times as lines, on a scale of powers of ten."""
    low, high = _decades(traffic)
    step = WIDTH / len(traffic.points)
    grid = Markup("").join(
        Markup('<path class="grid" d="M0 {:.1f}H{:.0f}"/>').format(_height(10.0**k, low, high), WIDTH)
        for k in range(low, high + 1)
    )
    lines = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(
            name, _line([getattr(point.latency, name) for point in traffic.points], step, low, high)
        )
        for name in reversed(PERCENTILES)
    )
    words = (
        f"Response times {_range_in_words(traffic)}: {_percentiles_in_words(traffic.latency)} over all of it"
    )
    return _render_chart(
        "latency", words, traffic, marks, grid + lines, lambda point: _percentiles_in_words(point.latency)
    )


def _rates(traffic: Traffic, point: TrafficPoint) -> dict[OutcomeGroup, float]:
    """Return the attempts per minute of a point; the last point has only some of its minutes."""
    minutes = min(traffic.step, traffic.points[0].minute + traffic.minutes - point.minute)
    return {kind: count / minutes for kind, count in group_counts(point.by_outcome).items()}


def _top(traffic: Traffic) -> float:
    """Return a round figure that no point exceeds."""
    peak = max((sum(_rates(traffic, point).values()) for point in traffic.points), default=0.0) or 1.0
    power = 10.0 ** math.floor(math.log10(peak))
    return next(top for top in (power, 2 * power, 4 * power, 6 * power, 8 * power, 10 * power) if top >= peak)


def _stack(
    figures: Mapping[OutcomeGroup, float], top: float, min_height: float = 0.0
) -> dict[OutcomeGroup, tuple[float, float]]:
    """Return (y, height) of each group in a bar, from the bottom up; no part is smaller than `min_height`."""
    heights = {
        kind: max(figures[kind] / top * HEIGHT, min_height) for kind in OutcomeGroup if figures.get(kind)
    }
    if not heights:
        return {}
    too_high = max(sum(heights.values()) - HEIGHT, 0.0)
    tallest = max(heights, key=heights.__getitem__)
    heights[tallest] -= too_high
    placed, foot = {}, HEIGHT
    for kind, height in heights.items():
        foot -= height
        placed[kind] = (foot, height)
    return placed


def _bars(bars: Sequence[Mapping[OutcomeGroup, tuple[float, float]]]) -> Markup:
    """Return one path per group: a path of many bars takes a quarter of the bytes of as many rectangles."""
    step = WIDTH / len(bars)
    gap = min(2.0, step / 4)
    paths = Markup("")
    for kind in OutcomeGroup:
        parts = [
            f"M{i * step + gap / 2:.1f} {bar[kind][0]:.1f}h{step - gap:.1f}v{bar[kind][1]:.1f}h{gap - step:.1f}z"
            for i, bar in enumerate(bars)
            if kind in bar
        ]
        if parts:
            paths += Markup('<path class="k-{}" d="{}"/>').format(kind.value, "".join(parts))
    return paths


def _decades(traffic: Traffic) -> tuple[int, int]:
    """Return the powers of ten, in milliseconds, between which all percentiles are."""
    values = [
        value
        for point in traffic.points
        for value in (point.latency.p50, point.latency.p99)
        if value is not None
    ]
    low = math.floor(math.log10(max(min(values, default=1.0), 1.0)))
    return low, max(low + 1, math.ceil(math.log10(max(values, default=1.0))))


def _height(value: float, low: int, high: int) -> float:
    return HEIGHT - (math.log10(max(value, 1.0)) - low) / (high - low) * HEIGHT


def _line(values: Sequence[float | None], step: float, low: int, high: int) -> str:
    """Return a line with a step for each point that has a value, so that single points and gaps are visible."""

    def levels() -> Iterator[str]:
        before: float | None = None
        for i, value in enumerate(values):
            if value is not None:
                y = _height(value, low, high)
                yield f"M{i * step:.1f} {y:.1f}" if before is None else f"V{y:.1f}"
                yield f"H{(i + 1) * step:.1f}"
            before = value

    return "".join(levels())


def _render_chart(  # noqa: PLR0917 - in the order in which they are drawn
    name: str,
    words: str,
    traffic: Traffic,
    marks: Iterable[TransitionView],
    content: Markup,
    title_of: Callable[[TrafficPoint], str],
) -> Markup:
    """Return a chart: title, content, circuit changes, and a hit area with a title for each step."""
    step = WIDTH / len(traffic.points)
    # `%` is much faster than `format` of Markup.
    track = Markup('<rect class="track" x="%.1f" y="0" width="%.1f" height="%.0f"><title>%s</title></rect>')
    places = Markup("").join(
        track % (i * step, step, HEIGHT, f"{_clock_with_zone(point.minute, traffic)}: {title_of(point)}")
        for i, point in enumerate(traffic.points)
    )
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {:.0f} {:.0f}" preserveAspectRatio="none" role="img"'
        ' aria-labelledby="chart-{}"><title id="chart-{}">{}</title>{}{}{}</svg>'
    ).format(
        name,
        WIDTH,
        HEIGHT,
        name,
        name,
        words,
        content,
        places,
        render_marks(marks_of(traffic, marks), WIDTH, HEIGHT),
    )


def changes_at(
    point: TrafficPoint, traffic: Traffic, changes: Iterable[TransitionView]
) -> list[TransitionView]:
    """Return the changes within the step that begins with `point`."""
    begin = point.minute * 60
    return [change for change in changes if begin <= change.at < begin + traffic.step * 60]


def _range_in_words(traffic: Traffic) -> str:
    first, last = traffic.points[0].minute, traffic.points[-1].minute
    return f"from {clock(first, traffic)} to {_clock_with_zone(last, traffic)}"


def _outcomes_in_words(point: TrafficPoint) -> str:
    counts = group_counts(point.by_outcome)
    phrases = [f"{counts[group]:,} {group_name(group)}" for group in OutcomeGroup if counts[group]]
    return ", ".join(phrases) or "no attempt"


def _attempts_in_words(traffic: Traffic) -> str:
    peak = max(sum(_rates(traffic, point).values()) for point in traffic.points)
    failed = traffic.attempts - traffic.successes
    return (
        f"Attempts per minute {_range_in_words(traffic)}: {traffic.successes:,} delivered, {failed:,} failed, "
        f"at most {peak:,.0f} in a minute"
    )


def _mix_in_words(traffic: Traffic) -> str:
    counts = group_counts(traffic.by_outcome)
    shares = [
        f"{share(counts[group] / traffic.attempts)} {group_name(group)}"
        for group in OutcomeGroup
        if counts[group]
    ]
    return f"Outcome share {_range_in_words(traffic)}: {', '.join(shares) or 'no attempts'}"


def _percentiles_in_words(latency: Latency) -> str:
    if latency.p50 is None:
        return "no attempt"
    return ", ".join(f"{name} {milliseconds(getattr(latency, name))}" for name in PERCENTILES)
