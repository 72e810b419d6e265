"""Cursors are opaque, belong to one list, and expire."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.queries.paging.cursors import Cursor, read_cursor

NOW = 1_800_000_000.0
ID = "dlv_01jd3k5v9x0000000000000000"


def problem(text: str, now: float = NOW) -> str:
    with pytest.raises(InvalidInput) as refused:
        read_cursor(text, "dlv", now)
    (reported,) = refused.value.problems
    assert reported.field == "cursor"
    return reported.message


def test_a_cursor_is_read_back_for_a_day() -> None:
    text = str(Cursor(ID, NOW))
    assert read_cursor(text, "dlv", NOW) == ID
    assert read_cursor(text, "dlv", NOW + 86_400) == ID
    assert (
        problem(text, NOW + 86_401)
        == "This page link is no longer valid (expired after 24 hours). Go to the newest."
    )


def test_no_cursor_is_the_first_page() -> None:
    assert read_cursor(None, "dlv", NOW) is None
    assert read_cursor("", "dlv", NOW) is None


def test_a_cursor_of_another_list_is_refused() -> None:
    assert problem(str(Cursor("aud_01jd3k5v9x0000000000000000", NOW))) == (
        "This page link is no longer valid (from another list). Go to the newest."
    )


@pytest.mark.parametrize(
    "text",
    [
        "garbage",
        "%%%",
        "é",
        "A" * 300,
        base64.urlsafe_b64encode(b"[]").decode(),
        base64.urlsafe_b64encode(b'[2,"dlv_1",1]').decode(),
        base64.urlsafe_b64encode(b'[1,"dlv_1\' OR 1",1]').decode(),
        base64.urlsafe_b64encode(b'[1,"dlv_1","1"]').decode(),
        base64.urlsafe_b64encode(b'[1,"dlv_1",true]').decode(),
        base64.urlsafe_b64encode(b'{"a":1,"b":2,"c":3}').decode(),
        str(Cursor(ID, NOW + 10_000)),
    ],
)
def test_a_malformed_cursor_names_the_remedy(text: str) -> None:
    assert problem(text) == "This page link is no longer valid (malformed). Go to the newest."


@given(st.text(min_size=1, max_size=120))
def test_no_text_as_a_cursor_raises_another_error(text: str) -> None:
    assert problem(text).startswith("This page link is no longer valid (")
