"""Charts without gaps, with percentiles from histograms that add up."""

from dataclasses import replace

from breakwater.core.domain.latency import bucket_of
from breakwater.core.queries.traffic.charts import first_minute, step_for
from breakwater.core.queries.traffic.fold import brief_traffic, traffic_of


def test_a_chart_has_no_gaps() -> None:
    chart = traffic_of([(100, "success", 3), (102, "timeout", 1)], [], first=100, step=1, last=103)
    assert chart.series == ((100, 3, 0), (101, 0, 0), (102, 0, 1), (103, 0, 0))
    assert chart.attempts == 4
    assert chart.successes == 3
    assert chart.by_outcome == {"success": 3, "timeout": 1}
    assert chart.success_share == 0.75
    assert chart.minutes == 4


def test_percentiles_cover_the_whole_range() -> None:
    fast, slow = bucket_of(10), bucket_of(1000)
    chart = traffic_of([], [(100, fast, 98), (101, slow, 2)], first=100, step=1, last=101)
    assert bucket_of(chart.latency.p50 or 0) == fast
    assert bucket_of(chart.latency.p99 or 0) == slow
    assert bucket_of(chart.points[1].latency.p50 or 0) == slow


def test_without_attempts_there_are_no_percentiles_and_no_share() -> None:
    chart = traffic_of([], [], first=100, step=1, last=100)
    assert chart.latency.p50 is None
    assert chart.success_share is None


def test_a_long_chart_has_wider_steps_on_their_boundaries() -> None:
    assert [step_for(minutes) for minutes in (60, 180, 1440, 7 * 1440, 31 * 1440)] == [1, 1, 30, 60, 360]
    assert first_minute(1440, 30, now=1_800_000_000.0) % 30 == 0


def test_a_brief_chart_has_the_same_totals_without_points() -> None:
    cells = [(100, "success", 3), (102, "timeout", 1), (102, "success", 2)]
    bucket = bucket_of(10)
    brief = brief_traffic(cells, {bucket: 6}, first=100, step=2, last=103)
    whole = traffic_of(cells, [(100, bucket, 6)], first=100, step=2, last=103)
    assert brief == replace(whole, points=())
