"""A histogram with fixed buckets: cheap enough for every attempt and every commit."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence


class Histogram:
    """Counts values by upper bound, with their sum. Values over the last bound are counted too."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Create an empty one. `bounds` ascend."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value, in the unit of the bounds."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Yield each upper bound, at last infinity, with how many values were at most that."""
        count = 0
        for bound, values in zip((*self._bounds, float("inf")), self._counts, strict=True):
            count += values
            yield bound, count
