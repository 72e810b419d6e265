"""Small charts as SVG for rows and cells, with labels for screen readers and without scripts or inline styles."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from breakwater.core.text.zones import reader_time, zone_at

_SPARK_BARS: Final = 30
_SPARK_STEP: Final = 4
_SPARK_HEIGHT: Final = 24
_MIN_HEIGHT: Final = 2.0
"""A single failure among a thousand deliveries must be visible."""
_MAX_PIPS: Final = 12

Minute = tuple[int, int, int]
"""Minute since the epoch, successes, failures."""


def _clock(minute: int) -> str:
    return reader_time(minute * 60).strftime("%H:%M")


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x, y, width, height
    )


def _heights(successes: int, failures: int, peak: int, max_height: float) -> tuple[float, float]:
    """Return the heights of both parts of a bar; a part that is not empty has a minimum height."""
    bad = max(failures / peak * max_height, _MIN_HEIGHT) if failures else 0.0
    good = max(successes / peak * max_height, _MIN_HEIGHT) if successes else 0.0
    return min(good, max_height - bad), bad


def _in_words(series: Sequence[Minute], peak: int) -> str:
    good = sum(minute[1] for minute in series)
    bad = sum(minute[2] for minute in series)
    return (
        f"Attempts per minute from {_clock(series[0][0])} to {_clock(series[-1][0])} {zone_at(series[-1][0] * 60)}: "
        f"{good:,} delivered, {bad:,} failed, at most {peak:,} in a minute"
    )


def sparkline(series: Sequence[Minute]) -> Markup:
    """Return attempts over time as a small bar chart for a table row."""
    if not series:
        return Markup("")
    per_bar = max(-(-len(series) // _SPARK_BARS), 1)
    groups = [series[start : start + per_bar] for start in range(0, len(series), per_bar)]
    sums = [(sum(m[1] for m in group), sum(m[2] for m in group)) for group in groups]
    peak = max(good + bad for good, bad in sums) or 1
    parts: list[Markup] = []
    for i, (good, bad) in enumerate(sums):
        good_height, bad_height = _heights(good, bad, peak, _SPARK_HEIGHT)
        x = i * _SPARK_STEP
        if good:
            parts.append(_rect("good", x, _SPARK_HEIGHT - good_height, _SPARK_STEP - 1, good_height))
        if bad:
            parts.append(
                _rect("bad", x, _SPARK_HEIGHT - good_height - bad_height, _SPARK_STEP - 1, bad_height)
            )
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(len(sums) * _SPARK_STEP, _SPARK_HEIGHT, _in_words(series, peak), Markup("").join(parts))


def mix_bar(part: int, whole: int, *, good: bool) -> Markup:
    """Return one outcome's share of all attempts as a bar."""
    width = max(100 * part / whole, 0.8) if part and whole else 0
    return Markup(
        '<svg class="mix" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">{}{}</svg>'
    ).format(_rect("track", 0, 0, 100, 6), _rect("good" if good else "bad", 0, 0, width, 6))


def meter(value: float, threshold: float) -> Markup:
    """Return a share (0 to 1) and the threshold at which the circuit opens, on one scale."""
    kind = "bad" if value >= threshold else "level"
    return Markup(
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" role="img"'
        ' aria-label="{:.0f}% of {:.0f}%">{}{}{}</svg>'
    ).format(
        value * 100,
        threshold * 100,
        _rect("track", 0, 2, 100, 4),
        _rect(kind, 0, 2, min(value, 1.0) * 100, 4),
        _rect("limit", min(threshold, 0.99) * 100, 0, 1, 8),
    )


def pips(count: int, total: int, *, kind: str, label: str) -> Markup:
    """Return `count` of `total` as a row of pips; as a meter if the row would be long."""
    if total > _MAX_PIPS:
        return meter(count / total, 1.0)
    lights = Markup("").join(
        Markup('<i class="{}"></i>').format(kind if lit < count else "off") for lit in range(total)
    )
    return Markup('<span class="pips" role="img" aria-label="{}: {} of {}">{}</span>').format(
        label, count, total, lights
    )
