"""When a failed delivery is tried again."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.retry import (
    MAX_DELAY,
    MAX_RETRY_AFTER,
    SERVICE_SCHEDULE,
    RetryConfig,
    RetryPolicy,
    parse_retry_after,
)

WALL = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC).timestamp()
"""Thirty seconds before the date that the HTTP specification likes."""

DELAYS = st.lists(st.floats(0.001, MAX_DELAY), max_size=50).map(tuple)
DRAWS = st.floats(0.0, 1.0, exclude_max=True)


def problems_of(error: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [problem.field for problem in error.value.problems]


def test_the_default_schedule_has_eleven_attempts_in_about_28_hours() -> None:
    assert SERVICE_SCHEDULE.max_attempts == 11
    assert SERVICE_SCHEDULE.delays[:4] == (1.0, 2.0, 4.0, 30.0)
    assert 27 < sum(SERVICE_SCHEDULE.delays) / 3600 < 28


def test_without_jitter_delays_are_exact() -> None:
    exact = RetryPolicy((1.0, 2.0), jitter=0.0)
    assert [exact.delay_after(spent, draw) for spent in (1, 2, 3) for draw in (0.0, 0.9)] == [
        *(1.0, 1.0),
        *(2.0, 2.0),
        *(None, None),
    ]


def test_each_attempt_waits_its_own_delay_until_none_is_left() -> None:
    policy = RetryPolicy((1.0, 2.0, 4.0), jitter=0.0)
    assert [policy.delay_after(spent, 0.5) for spent in range(1, 6)] == [1.0, 2.0, 4.0, None, None]


def test_no_delays_mean_one_attempt() -> None:
    policy = RetryPolicy(())
    assert policy.max_attempts == 1
    assert policy.delay_after(1, 0.5) is None


def test_a_resent_delivery_starts_with_the_first_delay() -> None:
    assert RetryPolicy((1.0, 2.0), jitter=0.0).delay_after(0, 0.5) == 1.0


@given(DELAYS, st.floats(0.0, 0.5), DRAWS)
def test_a_delay_stays_within_its_jitter(delays: tuple[float, ...], jitter: float, draw: float) -> None:
    policy = RetryPolicy(delays, jitter)
    for spent, delay in enumerate(delays, start=1):
        waits = policy.delay_after(spent, draw)
        assert delay * (1 - jitter) * (1 - 1e-9) <= waits <= delay * (1 + jitter) * (1 + 1e-9)


@given(DELAYS, DRAWS)
def test_a_schedule_ends_after_its_last_attempt_and_not_before(
    delays: tuple[float, ...], draw: float
) -> None:
    policy = RetryPolicy(delays)
    assert all(policy.delay_after(spent, draw) is not None for spent in range(1, policy.max_attempts))
    assert all(policy.delay_after(policy.max_attempts + more, draw) is None for more in range(3))


@given(st.lists(DRAWS, min_size=2, max_size=10))
def test_a_greater_draw_waits_longer(draws: list[float]) -> None:
    policy = RetryPolicy((10.0,), jitter=0.5)
    assert sorted(draws, key=lambda draw: (policy.delay_after(1, draw), draw)) == sorted(draws)


def test_one_draw_spreads_evenly_over_the_whole_range() -> None:
    """Where one draw decides both size and sign, the middle of the range never occurs."""
    policy = RetryPolicy((100.0,), jitter=0.1)
    waits = [policy.delay_after(1, step / 1000) for step in range(1000)]
    per_fifth = [sum(90.0 + 4 * fifth <= wait < 94.0 + 4 * fifth for wait in waits) for fifth in range(5)]
    assert all(198 <= count <= 202 for count in per_fifth)
    assert policy.delay_after(1, 0.5) == 100.0


@pytest.mark.parametrize(
    "delay",
    [
        0.0,
        -1.0,
        float("nan"),
        float("inf"),
        MAX_DELAY + 1,
        "1",
        None,
        True,
        [1.0],
        pytest.param(10**5000, id="huge"),
    ],
)
def test_a_delay_out_of_bounds_is_reported_with_its_position(delay: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        RetryPolicy((1.0, delay, 2.0))
    assert problems_of(caught) == ["delays.1"]


@pytest.mark.parametrize("jitter", [-0.1, 0.51, float("nan"), "0.1", None, True])
def test_a_jitter_out_of_bounds_is_refused(jitter: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        RetryPolicy((1.0,), jitter)
    assert problems_of(caught) == ["jitter"]


def test_a_schedule_of_more_than_fifty_delays_is_refused() -> None:
    assert RetryPolicy((1.0,) * 50).max_attempts == 51
    with pytest.raises(InvalidInput, match="has 51 entries; at most 50 are allowed"):
        RetryPolicy((1.0,) * 51)


def test_valid_delays_become_a_schedule() -> None:
    assert RetryPolicy.of([1, 2.5], 0) == RetryPolicy((1.0, 2.5), 0)


@pytest.mark.parametrize("delays", [[], (), None, "1,2", 5, {"1": 2}])
def test_an_invalid_schedule_is_refused_with_an_example(delays: object) -> None:
    with pytest.raises(InvalidInput, match=r"delays: must be a list of seconds, such as \[1, 2, 4\]"):
        RetryPolicy.of(delays)


def test_every_problem_of_a_schedule_is_reported_together() -> None:
    with pytest.raises(InvalidInput) as caught:
        RetryPolicy.of([1, -2, "x"], 7)
    assert problems_of(caught) == ["delays.1", "delays.2", "jitter"]


def test_the_schedule_of_the_adapter_doubles_up_to_its_cap() -> None:
    assert RetryConfig().policy() == RetryPolicy((1.0, 2.0, 4.0), 0.1)
    assert RetryConfig(max_retries=8, max_delay=30.0).policy().delays == (1, 2, 4, 8, 16, 30, 30, 30)


def test_the_adapter_can_be_configured_without_retries() -> None:
    assert RetryConfig(max_retries=0).policy().max_attempts == 1


def test_the_steepest_schedule_does_not_overflow() -> None:
    config = RetryConfig(max_retries=50, initial_delay=MAX_DELAY, multiplier=100.0, max_delay=MAX_DELAY)
    assert set(config.policy().delays) == {MAX_DELAY}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_retries", -1),
        ("max_retries", 51),
        ("max_retries", 1.5),
        ("initial_delay", 0),
        ("multiplier", 0.5),
        ("max_delay", 0),
        ("max_delay", float("nan")),
        ("jitter", 0.6),
    ],
)
def test_the_schedule_of_the_adapter_is_validated_by_field(field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        RetryConfig(**{field: value})
    assert problems_of(caught) == [field]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("1000000000", 3600.0),
        ("9" * 5000, 3600.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 30.0),
        ("Sun Nov  6 08:49:37 1994", 30.0),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 0.0),
        ("Sat, 05 Nov 1994 08:49:37 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
    ],
)
def test_retry_after_is_parsed_as_seconds_or_a_date_and_limited_to_an_hour(
    value: str, seconds: float
) -> None:
    assert parse_retry_after(value, WALL) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "-1",
        "+5",
        "NaN",
        "inf",
        "1e9",
        "0x10",
        "5s",
        "soon",
        "1,5",
        "1_000",
        "٣",
        "1994-11-06T08:49:37Z",
        "Sun, 99 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:61:61 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, ",
        "Mon Mon Mon Mon",
        "Sun, 06 Nov 1994 08:49:37 GMT" * 10,
    ],
)
def test_garbage_for_retry_after_is_ignored(value: str | None) -> None:
    assert parse_retry_after(value, WALL) is None


@given(st.text() | st.text("SunMoJa ,:-0123456789GMT+", min_size=5).map("Sun{}".format), st.floats(0, 2e9))
@example("Sun, 06 Nov 0001 00:00:00 +2359", 0.0)
def test_any_retry_after_is_ignored_or_limited_to_an_hour(value: str, wall: float) -> None:
    seconds = parse_retry_after(value, wall)
    assert seconds is None or 0.0 <= seconds <= MAX_RETRY_AFTER


def test_a_date_without_a_zone_is_gmt_in_any_local_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        assert parse_retry_after("Sun Nov  6 08:49:37 1994", WALL) == 30.0
    time.tzset()


@given(st.integers(0, 3600), st.integers(10**8, 2 * 10**9))
def test_a_date_means_the_time_until_it(seconds: int, wall: int) -> None:
    date = format_datetime(datetime.fromtimestamp(wall + seconds, UTC), usegmt=True)
    assert parse_retry_after(date, float(wall)) == seconds
