"""The histogram above a list of deliveries: accepted deliveries over time by status, as SVG.

Each bar is a link that narrows the list to its time range. The SVG is stretched to the page, so its labels are HTML.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from markupsafe import Markup

from breakwater.core.queries.deliveries.histogram_model import Histogram, HistogramBar
from breakwater.core.text.format import format_duration, pluralize
from breakwater.core.text.statuses import DeliveryStatus, status_name
from breakwater.core.text.zones import reader_time, zone_at, zone_key
from breakwater.web.pages.zones import exactly

WIDTH: Final = 960.0
HEIGHT: Final = 40.0
_MIN_HEIGHT: Final = 2.0
"""A single failure among ten thousand deliveries must be visible."""
_MINUTE: Final = 60
_DAY: Final = 86_400
_MAX_AXIS_MARKS: Final = 5


STACKED: Final = (
    DeliveryStatus.DELIVERED,
    DeliveryStatus.CANCELLED,
    DeliveryStatus.IN_FLIGHT,
    DeliveryStatus.PENDING,
    DeliveryStatus.HELD,
    DeliveryStatus.FAILED,
)
"""The order in which a bar stacks statuses. Retries count as pending: no index tells them apart."""


def status_counts(figures: Histogram | HistogramBar) -> dict[DeliveryStatus, int]:
    """Return the statuses that occur with their counts, in the order of `STACKED`."""
    counts = Counter({DeliveryStatus(state.value): count for state, count in figures.by_state.items()})
    counts[DeliveryStatus.HELD] = figures.held
    counts[DeliveryStatus.PENDING] -= figures.held
    return {status: counts[status] for status in STACKED if counts[status]}


def histogram_chart(histogram: Histogram, url: Callable[..., str]) -> Markup:
    """Return the bars; `url(since=..., until=...)` returns the link of a bar."""
    return Markup(
        '<svg class="bars" viewBox="0 0 {:.0f} {:.0f}" preserveAspectRatio="none" role="group"'
        ' aria-label="{}">{}{}</svg>'
    ).format(
        WIDTH, HEIGHT, in_words(histogram), _bar_paths(histogram), Markup("").join(_bar_links(histogram, url))
    )


def in_words(histogram: Histogram) -> str:
    """Return `412 deliveries over time: 400 delivered, 12 failed; 30 min per bar`."""
    total = pluralize(histogram.total, "delivery")
    return f"{total} over time: {_counts_in_words(histogram)}; {format_duration(histogram.step)} per bar"


def when_accepted(histogram: Histogram) -> str:
    """Return the time range of the bars in words that follow their total: `in the last 24 h`."""
    if histogram.search_bounds is not None:
        return f"since {bar_time(histogram.bars[0].begin, histogram)}"
    if histogram.has_since:
        return "in this time"
    return f"in the last {format_duration(_DAY)}"


def bar_words(bar: HistogramBar, histogram: Histogram) -> str:
    """Return `03:00 to 03:30 UTC: 12 delivered, 3 failed`; times are the reader's."""
    begin, end = bar_time(bar.begin, histogram), bar_time(bar.end, histogram)
    return f"{begin} to {end} {zone_at(bar.end)}: {_counts_in_words(bar)}"


def bar_time(at: float, histogram: Histogram) -> str:
    """Return a time with the precision of the bars, with its date unless it is today."""
    now = histogram.bars[-1].end if histogram.read_at is None else histogram.read_at
    return _bar_time(at, histogram, dated=reader_time(at).date() != reader_time(now).date())


def _bar_time(at: float, histogram: Histogram, *, dated: bool) -> str:
    span = histogram.bars[-1].end - histogram.bars[0].begin
    time = "%H:%M" if histogram.step >= _MINUTE else "%H:%M:%S"
    date = "%d %b " if dated or span > _DAY + histogram.step else ""
    # Bars of whole days follow UTC: in any other zone they begin at an hour, which is shown.
    pattern = "%d %b" if histogram.step >= _DAY and zone_key() == "UTC" else f"{date}{time}"
    return reader_time(at).strftime(pattern)


def histogram_axis(histogram: Histogram) -> list[str]:
    """Return the times below the bars, evenly from the first to the last; only a long axis has dates."""
    begins = [bar.begin for bar in histogram.bars]
    marks = min(_MAX_AXIS_MARKS, len(begins))
    positions = (round((len(begins) - 1) * mark / max(marks - 1, 1)) for mark in range(marks))
    return [_bar_time(begins[position], histogram, dated=False) for position in positions]


def bar_url(bar: HistogramBar, url: Callable[..., str]) -> str:
    """Return the URL of the list of the bar's deliveries."""
    return url(since=exactly(reader_time(bar.begin)), until=exactly(reader_time(bar.end)))


def _counts_in_words(figures: Histogram | HistogramBar) -> str:
    parts = [f"{count:,} {status_name(status)}" for status, count in status_counts(figures).items()]
    return ", ".join(parts) or "none"


def _bar_links(histogram: Histogram, url: Callable[..., str]) -> Iterator[Markup]:
    """Yield a hit area for each bar that has deliveries, as a link."""
    step = WIDTH / len(histogram.bars)
    for number, bar in enumerate(histogram.bars):
        words = bar_words(bar, histogram)
        hit_area = Markup('<rect class="track" x="{:.1f}" y="0" width="{:.1f}" height="{:.0f}"/>').format(
            number * step, step, HEIGHT
        )
        if bar.total:
            # Floored: rounding could give the first bar, which begins at any time, the id of the second.
            yield Markup('<a id="bar-{}" href="{}" aria-label="{}"><title>{}</title>{}</a>').format(
                math.floor(bar.begin), bar_url(bar, url), words, words, hit_area
            )


def _bar_paths(histogram: Histogram) -> Markup:
    """Return one path per status: a path of many bars takes a quarter of the bytes of as many rectangles."""
    step = WIDTH / len(histogram.bars)
    gap = min(2.0, step / 4)
    peak = max((bar.total for bar in histogram.bars), default=0) or 1
    parts: dict[DeliveryStatus, list[str]] = {status: [] for status in STACKED}
    for number, bar in enumerate(histogram.bars):
        for kind, (y, height) in _stack(status_counts(bar), peak).items():
            x = number * step + gap / 2
            parts[kind].append(f"M{x:.1f} {y:.1f}h{step - gap:.1f}v{height:.1f}h{gap - step:.1f}z")
    return Markup("").join(
        Markup('<path class="s-{}" d="{}"/>').format(kind.value, "".join(commands))
        for kind, commands in parts.items()
        if commands
    )


def _stack(counts: Mapping[DeliveryStatus, int], peak: int) -> dict[DeliveryStatus, tuple[float, float]]:
    """Return (y, height) of each status in a bar, from the bottom up, with a minimum height."""
    heights = {kind: max(count / peak * HEIGHT, _MIN_HEIGHT) for kind, count in counts.items()}
    if heights:
        tallest = max(heights, key=heights.__getitem__)
        heights[tallest] -= max(sum(heights.values()) - HEIGHT, 0.0)
    placed, foot = {}, HEIGHT
    for kind, height in heights.items():
        foot -= height
        placed[kind] = (foot, height)
    return placed
