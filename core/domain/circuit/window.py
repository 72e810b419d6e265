"""How many calls failed lately: counts per second, or per few seconds, of a sliding window."""

from typing import Final

Part = tuple[int, int, int]
"""The second in which it begins, successes, failures."""

_MAX_PARTS: Final = 60
"""However long the window is: it is stored with every step of its circuit."""


def with_call(window: list[Part], now: float, seconds: float, *, failed: bool) -> list[Part]:
    """Return `window`, oldest part first, with one more call counted; the list is reused where it can be.

    A result that comes late counts with the latest ones: the order of results is not that of calls anyway.
    """
    width = _part_seconds(seconds)
    second = int(now // width) * width
    if not window or window[-1][0] < second:
        window = [*_lately(window, now, seconds), (second, 0, 0)]
    began, successes, failures = window[-1]
    window[-1] = (began, successes + (not failed), failures + failed)
    return window


def calls_and_failures(window: list[Part], now: float, seconds: float) -> tuple[int, int]:
    """Return how many calls the last `seconds` saw, and how many of them failed."""
    parts = _lately(window, now, seconds)
    failures = sum(failed for _, _, failed in parts)
    return failures + sum(succeeded for _, succeeded, _ in parts), failures


def _lately(window: list[Part], now: float, seconds: float) -> list[Part]:
    """Return the parts that lie whole within the window: what is said of its seconds must not be older."""
    return [part for part in window if part[0] > now - seconds]


def _part_seconds(seconds: float) -> int:
    return max(1, -int(-seconds // _MAX_PARTS))
