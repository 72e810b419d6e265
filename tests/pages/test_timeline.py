"""The page of a delivery shows its newest attempts completely, within a budget."""

from dataclasses import replace

from breakwater.web.pages.timeline import MAX_CONTENT, MAX_HEADERS, MAX_VALUE, shown_attempts
from tests.pages.test_changes import FIRST


def test_the_attempts_beyond_the_budget_show_only_their_line() -> None:
    body = b"x" * 50_000
    attempts = [replace(FIRST, id=f"att_{number}", response_body=body) for number in range(100)]
    shown = shown_attempts(attempts)
    newest = [attempt.id for attempt in attempts[-len(shown) :]]
    assert sorted(shown) == sorted(newest)
    assert len(shown) == MAX_CONTENT // len(body) + 1


def test_the_newest_attempt_is_shown_however_large_it_is() -> None:
    large = replace(FIRST, id="att_2", response_body=b"<" * 1_000_000)
    assert "att_2" in shown_attempts([FIRST, large])


def test_many_headers_are_counted_and_long_values_are_cut() -> None:
    headers = tuple((f"x-{number}", "v" * 10_000) for number in range(MAX_HEADERS + 7))
    (content,) = shown_attempts([replace(FIRST, response_headers=headers)]).values()
    assert content.response_headers.omitted == 7
    assert {len(value) for _, value in content.response_headers.pairs} == {MAX_VALUE + 1}


def test_an_attempt_is_compared_with_the_one_before_it() -> None:
    second = replace(FIRST, id="att_2", status_code=500)
    shown = shown_attempts([FIRST, second])
    assert shown["att_1"].changes == []
    assert shown["att_2"].changes == ["Status 503 → 500"]
