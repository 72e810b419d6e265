"""Latencies in few numbers: a histogram whose buckets grow by a quarter of an octave, so by 19 %.

A percentile read from it is off by at most that, at 2 ms as at 2 minutes, and the histograms of many minutes
and endpoints add up.
"""

import math
from collections.abc import Mapping
from typing import Final

_PER_OCTAVE: Final = 4
LAST_BUCKET: Final = 80
"""Everything over 2^19.75 ms, about 15 minutes: no attempt may last as long."""


def bucket_of(ms: float) -> int:
    """Return the bucket of a latency in milliseconds: 0 below 1 ms, at most `LAST_BUCKET`."""
    if not ms >= 1.0:
        return 0
    return min(LAST_BUCKET, 1 + math.floor(_PER_OCTAVE * math.log2(ms))) if ms < math.inf else LAST_BUCKET


def upper_ms(bucket: int) -> float:
    """Return the milliseconds up to which `bucket` reaches."""
    return float(2.0 ** (bucket / _PER_OCTAVE))


def percentile(histogram: Mapping[int, int], q: float) -> float | None:
    """Return the milliseconds below which the share `q` stayed, 0.95 for the 95th percentile.

    `histogram` maps buckets to counts; None when it holds none.
    """
    wanted = q * sum(histogram.values())
    seen = 0
    for bucket in sorted(bucket for bucket, count in histogram.items() if count > 0):
        seen += histogram[bucket]
        if seen >= wanted:
            return upper_ms(bucket)
    return None
