"""What a receiver says is kept as it can be kept."""

from breakwater.core.delivery.attempt_record import MAX_ERROR_LENGTH, storable


def test_an_error_text_has_no_nul_and_an_end() -> None:
    assert storable("bad\x00status") == "bad\\x00status"
    assert len(storable("x" * 10_000)) == MAX_ERROR_LENGTH
