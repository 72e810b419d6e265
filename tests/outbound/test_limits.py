"""Deadlines that strike together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.outbound import limits
from core.outbound.limits import DEADLINE_TICK, at_a_tick


def ends_at(monkeypatch: pytest.MonkeyPatch, now: float, seconds: float) -> float:
    """Return when a deadline strikes that was set `now`."""
    monkeypatch.setattr(limits, "monotonic", lambda: now)
    return now + at_a_tick(seconds)


def test_deadlines_that_begin_within_one_tick_strike_together(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = [100.001, 100.02, 100.049]
    ends = {round(ends_at(monkeypatch, now, 10.0), 6) for now in begun}
    assert ends == {110.05}


@given(seconds=st.floats(1, 3600))
def test_a_deadline_is_never_earlier_and_less_than_a_tick_later(seconds: float) -> None:
    assert seconds - 1e-6 <= at_a_tick(seconds) <= seconds + DEADLINE_TICK + 1e-6


@given(seconds=st.floats(0.0, 1, exclude_max=True))
def test_a_short_deadline_is_kept_to_the_moment(seconds: float) -> None:
    assert at_a_tick(seconds) == seconds
