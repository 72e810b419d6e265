from itertools import pairwise

import pytest

from breakwater.core.queries.deliveries.histogram_scale import MAX_BARS, scale

MIDNIGHT = 1_795_305_600.0
HOUR = 3_600.0
DAY = 86_400.0


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (0.0, 1),
        (90.0, 2),
        (15 * 60.0, 20),
        (HOUR, 120),
        (6 * HOUR, 600),
        (DAY, 1_800),
        (7 * DAY, 4 * 3_600),
        (31 * DAY, 86_400),
        (60 * 365 * DAY, 2 * 365 * 86_400),
    ],
)
def test_bars_have_round_times_and_a_maximum_number(span: float, step: int) -> None:
    bars = scale(MIDNIGHT, MIDNIGHT + span, goes_on=True)
    assert bars.step == step
    assert len(bars.edges) - 1 <= MAX_BARS + 2


def test_bars_meet_at_multiples_of_their_step_whenever_they_begin() -> None:
    bars = scale(MIDNIGHT - 100, MIDNIGHT + HOUR + 7, goes_on=False)
    assert bars.edges[0] == MIDNIGHT - 100
    assert bars.edges[-1] == MIDNIGHT + HOUR + 7
    assert all(edge % bars.step == 0 for edge in bars.edges[1:-1])
    assert all(begin < end for begin, end in pairwise(bars.edges))


def test_the_last_bar_of_an_ongoing_range_is_whole() -> None:
    now, a_moment_later = (scale(MIDNIGHT, MIDNIGHT + at, goes_on=True) for at in (HOUR + 1, HOUR + 59))
    assert now == a_moment_later
    assert now.edges[-1] == MIDNIGHT + HOUR + now.step


def test_a_span_that_ends_on_an_edge_ends_there() -> None:
    bars = scale(MIDNIGHT, MIDNIGHT + HOUR, goes_on=False)
    assert bars.edges[-2:] == (MIDNIGHT + HOUR - 120, MIDNIGHT + HOUR)


def test_a_span_that_ends_before_it_begins_is_one_bar_of_no_length() -> None:
    assert scale(MIDNIGHT, MIDNIGHT - 5, goes_on=False).edges == (MIDNIGHT, MIDNIGHT)
