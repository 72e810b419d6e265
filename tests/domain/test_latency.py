"""Latency buckets: few, bounded, and accurate to 19%."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.latency import LAST_BUCKET, bucket_of, lower_ms, percentile, upper_ms

LATENCIES = st.floats(0.0, 900_000.0)


@pytest.mark.parametrize(
    ("ms", "bucket"),
    [(0, 0), (0.99, 0), (1, 1), (1.18, 1), (1.19, 2), (2, 5), (4, 9), (1000, 40), (2**19.75, 80), (1e12, 80)],
)
def test_buckets_grow_by_a_quarter_of_an_octave(ms: float, bucket: int) -> None:
    assert bucket_of(ms) == bucket


@pytest.mark.parametrize(
    ("ms", "bucket"), [(-5.0, 0), (math.nan, 0), (-math.inf, 0), (math.inf, LAST_BUCKET)]
)
def test_invalid_latencies_have_a_bucket(ms: float, bucket: int) -> None:
    assert bucket_of(ms) == bucket


@given(LATENCIES)
def test_a_latency_is_below_the_upper_end_of_its_bucket_by_at_most_19_percent(ms: float) -> None:
    upper = upper_ms(bucket_of(ms))
    assert ms <= upper * (1 + 1e-9)
    assert bucket_of(ms) == 0 or upper <= ms * 2**0.25 * (1 + 1e-9)


@given(LATENCIES, LATENCIES)
def test_a_longer_latency_is_never_in_an_earlier_bucket(latency: float, other: float) -> None:
    assert bucket_of(min(latency, other)) <= bucket_of(max(latency, other))


def test_without_data_there_is_no_percentile() -> None:
    assert percentile({}, 0.95) is None
    assert percentile({5: 0}, 0.95) is None


def test_a_percentile_lies_within_the_bucket_that_reaches_it() -> None:
    histogram = {9: 5, 1: 94, 40: 1}
    assert lower_ms(1) < (percentile(histogram, 0.50) or 0) < upper_ms(1)
    assert percentile(histogram, 0.94) == pytest.approx(upper_ms(1))
    assert lower_ms(9) <= (percentile(histogram, 0.95) or 0) < upper_ms(9)
    assert percentile(histogram, 0.99) == pytest.approx(upper_ms(9))
    assert percentile(histogram, 1.0) == pytest.approx(upper_ms(40))


@given(st.lists(st.floats(1.0, 900_000.0), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_percentile_is_accurate_to_one_bucket(latencies: list[float], q: float) -> None:
    histogram: dict[int, int] = {}
    for latency in latencies:
        histogram[bucket_of(latency)] = histogram.get(bucket_of(latency), 0) + 1
    exact = sorted(latencies)[math.ceil(round(q * len(latencies), 9)) - 1]
    estimate = percentile(histogram, round(q * len(latencies), 9) / len(latencies) - 1e-12)
    assert exact / 2**0.25 * (1 - 1e-9) <= estimate <= exact * 2**0.25 * (1 + 1e-9)


def test_equal_latencies_are_not_all_reported_as_the_upper_end_of_their_bucket() -> None:
    bucket = bucket_of(3_000)
    median = percentile({bucket: 100}, 0.50)
    assert median is not None
    assert lower_ms(bucket) * 1.05 < median < upper_ms(bucket) * 0.95


def test_percentiles_grow_with_their_quantile() -> None:
    histogram = {0: 3, 4: 10, 9: 2}
    values = [percentile(histogram, number / 20) or 0 for number in range(1, 21)]
    assert values == sorted(values)
