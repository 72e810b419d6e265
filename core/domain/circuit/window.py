"""Count recent calls and failures in a sliding window, per second or per few seconds."""

from typing import Final

Part = tuple[int, int, int]
"""Start in seconds, successes, failures."""

_MAX_PARTS: Final = 60
"""Maximum for every window length, because the window is stored with each step of the circuit."""


def with_call(window: list[Part], now: float, seconds: float, *, failed: bool) -> list[Part]:
    """Return `window`, oldest part first, with one more call counted. May change the list in place.

    A late result is counted in the latest part: results do not arrive in the order of their calls anyway.
    """
    width = _part_seconds(seconds)
    second = int(now // width) * width
    if not window or window[-1][0] < second:
        window = [*_recent_parts(window, now, seconds), (second, 0, 0)]
    began, successes, failures = window[-1]
    window[-1] = (began, successes + (not failed), failures + failed)
    return window


def calls_and_failures(window: list[Part], now: float, seconds: float) -> tuple[int, int]:
    """Return the calls in the last `seconds`, and how many of them failed."""
    parts = _recent_parts(window, now, seconds)
    failures = sum(failed for _, _, failed in parts)
    return failures + sum(succeeded for _, succeeded, _ in parts), failures


def _recent_parts(window: list[Part], now: float, seconds: float) -> list[Part]:
    """Return the parts that lie completely within the window."""
    return [part for part in window if part[0] > now - seconds]


def _part_seconds(seconds: float) -> int:
    return max(1, -int(-seconds // _MAX_PARTS))
