"""How file descriptors are divided: the API and the database first, then deliveries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.descriptors import (
    IDLE_CONNECTIONS,
    MAX_API_CONNECTIONS,
    RESERVED,
    plan_descriptors,
)


@pytest.mark.parametrize(
    ("limit", "attempts", "keep_connections"),
    [
        (64, 1, False),
        (128, 36, False),
        (256, 120, False),
        (1024, 624, False),
        (4096, 2856, False),
        (8192, 4096, False),
        (16_384, 4096, True),
        (65_536, 4096, True),
    ],
)
def test_the_attempt_budget_follows_a_small_limit(
    limit: int, attempts: int, *, keep_connections: bool
) -> None:
    budget = plan_descriptors(limit, 4096)
    assert (budget.attempts, budget.keep_connections) == (attempts, keep_connections)


def test_a_service_that_is_configured_for_few_attempts_needs_few_descriptors() -> None:
    budget = plan_descriptors(256, 50)
    assert (budget.attempts, budget.keep_connections, budget.notice) == (50, False, None)


def test_a_reduction_names_its_reason_and_the_remedy() -> None:
    assert plan_descriptors(128, 4096).notice == (
        "At most 36 attempts run concurrently instead of 4,096, because this process may open 128 files. "
        "Raise the limit (`ulimit -n`, LimitNOFILE=) and restart, or set BREAKWATER_MAX_IN_FLIGHT to 36."
    )


@given(limit=st.integers(100, 2_000_000), max_in_flight=st.integers(1, 100_000))
def test_the_parts_never_exceed_the_limit(limit: int, max_in_flight: int) -> None:
    budget = plan_descriptors(limit, max_in_flight)
    idle = IDLE_CONNECTIONS if budget.keep_connections else 0
    assert RESERVED + budget.api_connections + 3 * budget.lookups + budget.attempts + idle <= limit
    assert 1 <= budget.attempts <= max_in_flight
    assert budget.api_connections <= MAX_API_CONNECTIONS
    assert (budget.notice is None) == (budget.attempts == max_in_flight)


def test_one_attempt_is_one() -> None:
    assert "At most 1 attempt runs concurrently" in (plan_descriptors(64, 4096).notice or "")
