"""Responses are stored in a form that both databases accept."""

from breakwater.core.delivery.attempt_record import MAX_ERROR_LENGTH, storable


def test_a_stored_error_is_bounded_and_has_no_nul() -> None:
    assert storable("bad\x00status") == "bad\\x00status"
    assert len(storable("x" * 10_000)) == MAX_ERROR_LENGTH
