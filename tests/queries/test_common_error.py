"""Failures with the same cause have one common form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.queries.deliveries.common_error import common_error


@pytest.mark.parametrize(
    ("error", "common"),
    [
        ("503 Service Unavailable", "503 Service Unavailable"),
        ("connection refused", "connection refused"),
        ("no response within 10 s", "no response within … s"),
        ("connection to 198.51.100.7:443 refused", "connection to … refused"),
        ("shop-07.example does not resolve", "… does not resolve"),
        ("[2001:db8::1]:443 is unreachable", "… is unreachable"),
        ("2001:db8::1 is unreachable", "… is unreachable"),
        ("certificate is for 'a.example', not 'b.example'", "certificate is for …, not …"),
        ("see https://a.example/x?y=1 for dlv_01jd3k5v9x0000000000000000", "see … for …"),
        ("request 7c9e6679-7425-40de-944b-e07fc1f90ae7 refused", "request … refused"),
        ("2 of 3 bytes", "… of … bytes"),
        ("", ""),
    ],
)
def test_varying_parts_of_an_error_become_a_wildcard(error: str, common: str) -> None:
    assert common_error(error) == common


@given(st.text())
def test_the_common_form_of_any_error_is_short_and_idempotent(error: str) -> None:
    common = common_error(error)
    assert len(common) <= 160
    assert common_error(common) == common


def test_a_hostile_error_is_processed_quickly() -> None:
    assert common_error("a." * 500_000)
    assert common_error("a-" * 500_000 + "!")
