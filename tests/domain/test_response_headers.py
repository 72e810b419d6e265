"""Which response headers are stored."""

from breakwater.core.domain.outcome import RESPONSE_HEADERS_MAX, cap_headers


def test_headers_within_both_limits_are_stored_unchanged() -> None:
    headers = tuple((f"x-{number}", "1") for number in range(RESPONSE_HEADERS_MAX))
    assert cap_headers(headers, 100_000) is headers


def test_of_very_many_short_headers_the_first_and_the_decisive_ones_are_stored() -> None:
    many = tuple((f"x-{number}", "1") for number in range(5_000))
    stored = cap_headers((*many, ("Retry-After", "5")), 100_000)
    assert stored == (*many[: RESPONSE_HEADERS_MAX - 1], ("Retry-After", "5"))
