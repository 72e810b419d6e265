"""Latency histograms whose buckets grow by a quarter of an octave, that is by 19 %.

A percentile has at most this error, at 2 ms as at 2 minutes. Histograms of several minutes and endpoints can be added.
"""

import math
from collections.abc import Mapping
from typing import Final

_PER_OCTAVE: Final = 4
LAST_BUCKET: Final = 80
"""All latencies over 2^19.75 ms, about 15 minutes: longer than any attempt."""

UNMEASURED: Final = -1
"""The bucket of attempts without a duration, such as lost ones. No percentile counts it."""


def bucket_of(ms: float) -> int:
    """Return the bucket of a latency in milliseconds: 0 below 1 ms, at most `LAST_BUCKET`."""
    if not ms >= 1.0:
        return 0
    return min(LAST_BUCKET, 1 + math.floor(_PER_OCTAVE * math.log2(ms))) if ms < math.inf else LAST_BUCKET


def upper_ms(bucket: int) -> float:
    """Return the upper bound of `bucket` in milliseconds."""
    return float(2.0 ** (bucket / _PER_OCTAVE))


def lower_ms(bucket: int) -> float:
    """Return the lower bound of `bucket` in milliseconds."""
    return upper_ms(bucket - 1) if bucket else 0.0


def percentile(histogram: Mapping[int, int], q: float) -> float | None:
    """Return the latency in milliseconds at the quantile `q`, 0.95 for the 95th percentile.

    `histogram` maps buckets to counts. Attempts count as evenly spread over the logarithmic scale of their bucket.
    Return None when it is empty.
    """
    measured = {bucket: count for bucket, count in histogram.items() if count > 0 and bucket != UNMEASURED}
    rank = q * sum(measured.values())
    below = 0
    for bucket in sorted(measured):
        count = measured[bucket]
        if below + count >= rank:
            return _within(bucket, (rank - below) / count)
        below += count
    return None


def _within(bucket: int, share: float) -> float:
    """Return the latency below which `share` of a bucket's attempts lie."""
    lower, upper = lower_ms(bucket), upper_ms(bucket)
    return upper * share if not bucket else lower * (upper / lower) ** share
