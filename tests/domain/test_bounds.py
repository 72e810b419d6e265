"""Numbers out of bounds are refused with their bounds and the value."""

import pytest

from breakwater.core.domain.bounds import number, whole_number
from breakwater.core.domain.errors import FieldProblem

HUGE = [pytest.param(10**5000, id="huge"), pytest.param(-(10**5000), id="hugely negative")]


def test_a_number_within_its_bounds_is_accepted() -> None:
    assert whole_number("count", 1, 1, 10) == whole_number("count", 10, 1, 10) == []
    assert number("share", 0, 0, 1) == number("share", 1.0, 0, 1) == []


def test_a_bound_is_optional() -> None:
    assert number("share", 0, 0, 1, above=True) == [
        FieldProblem("share", "must be a number greater than 0 and at most 1, not 0")
    ]


def test_a_number_out_of_bounds_is_reported_with_bounds_and_value() -> None:
    assert whole_number("count", 2.5, 1, 10_000) == [
        FieldProblem("count", "must be a whole number from 1 to 10,000, not 2.5")
    ]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), float("-inf"), "1", None, True, 1j, [1], *HUGE]
)
def test_a_value_that_is_not_a_number_within_bounds_is_refused(value: object) -> None:
    assert number("share", value, 0, 1)
    assert whole_number("count", value, 1, 10)


@pytest.mark.parametrize("value", [pytest.param("x" * 10_000, id="long"), *HUGE])
def test_a_very_long_value_is_not_quoted(value: object) -> None:
    (problem,) = number("share", value, 0, 1)
    assert len(problem.message) < 100
