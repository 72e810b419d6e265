"""The token bucket of each caller."""

import pytest

from breakwater.core.accounts.request_limit import RequestLimit
from tests.fakes import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def allowed(limit: RequestLimit, caller: str, times: int) -> int:
    return sum(limit.take(caller).allowed for _ in range(times))


def test_a_burst_is_allowed_up_to_its_limit(clock: ManualClock) -> None:
    limit = RequestLimit(clock, 5)
    assert limit.quota == 50
    assert allowed(limit, "key_1", 100) == 50
    assert allowed(limit, "key_2", 100) == 50


@pytest.mark.parametrize("per_second", [0.01, 0.1, 0.3, 1, 7, 35, 90, 1_000])
async def test_the_rate_is_kept_over_time(clock: ManualClock, per_second: float) -> None:
    limit = RequestLimit(clock, per_second)
    allowed(limit, "key_1", limit.quota + 1)
    seconds = max(10, int(10 / per_second))
    total = 0
    for _ in range(20):
        await clock.leap(seconds / 20)
        total += allowed(limit, "key_1", int(per_second * seconds) + 2)
    assert abs(total - per_second * seconds) <= 1


async def test_a_refused_request_succeeds_after_its_wait(clock: ManualClock) -> None:
    limit = RequestLimit(clock, 3)
    allowed(limit, "key_1", limit.quota)
    refused = limit.take("key_1")
    assert not refused.allowed
    error = limit.refusal(refused)
    assert 0 < error.retry_after <= 1 / 3 + 1e-6
    assert str(error) == (
        "Too many requests: the limit is 3 per second and 30 in a burst. Try again in 1 second."
    )
    await clock.leap(error.retry_after)
    assert limit.take("key_1").allowed


async def test_the_remaining_requests_are_counted(clock: ManualClock) -> None:
    limit = RequestLimit(clock, 2)
    first = limit.take("key_1")
    assert (first.remaining, first.full_in) == (19, pytest.approx(0.5))
    for _ in range(19):
        last = limit.take("key_1")
    assert (last.allowed, last.remaining, last.full_in) == (True, 0, pytest.approx(10))
    await clock.leap(3600)
    assert limit.take("key_1").remaining == 19


async def test_a_large_request_leaves_a_debt(clock: ManualClock) -> None:
    limit = RequestLimit(clock, 1, largest=100)
    assert limit.take("key_1", 100).allowed
    assert not limit.take("key_1").allowed
    await clock.leap(89)
    assert not limit.take("key_1").allowed
    await clock.leap(2)
    assert limit.take("key_1").allowed


async def test_a_clock_that_is_set_back_does_not_lock_a_caller_out(clock: ManualClock) -> None:
    limit = RequestLimit(clock, 1)
    allowed(limit, "key_1", 20)
    clock._now -= 86_400
    assert not limit.take("key_1").allowed
    await clock.leap(limit.refusal(limit.take("key_1")).retry_after)
    assert limit.take("key_1").allowed


def test_the_number_of_counted_callers_is_bounded(clock: ManualClock) -> None:
    limit = RequestLimit(clock, 1, size=3)
    for number in range(100):
        limit.take(f"key_{number}")
    assert len(limit._full_at) == 3
