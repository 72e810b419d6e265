"""How sentences name times, spans, numbers, people and what others wrote."""

import pytest

from breakwater.core.text.format import (
    format_actor,
    format_duration,
    format_time_utc,
    join_names,
    ordinal,
    pluralize,
    sanitize,
)

NOW = 1_795_317_127.0  # 2026-11-22 03:12:07 UTC


def test_a_time_has_its_date_unless_it_is_today() -> None:
    assert format_time_utc(NOW, NOW) == "03:12:07 UTC"
    assert format_time_utc(NOW + 86_400, NOW) == "2026-11-23 03:12:07 UTC"
    assert format_time_utc(NOW) == "2026-11-22 03:12:07 UTC"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 ms"),
        (0.3404, "340 ms"),
        (4.2, "4.2 s"),
        (28.0, "28 s"),
        (200.0, "3 min 20 s"),
        (3600.0, "1 h"),
        (5400.0, "1 h 30 min"),
        (28 * 3600.0, "28 h"),
        (52 * 3600.0, "2 d 4 h"),
        (20 * 86_400.0, "20 d"),
    ],
)
def test_a_span_has_two_units_at_most(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


def test_numbers_read_as_people_write_them() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 112, 1003)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th", "1,003rd",
    ]  # fmt: skip
    assert pluralize(1, "delivery") == "1 delivery"
    assert pluralize(1204, "delivery") == "1,204 deliveries"
    assert pluralize(10_000, "delivery", more=True) == "10,000+ deliveries"
    assert pluralize(2, "success", "successes") == "2 successes"


def test_lists_stay_short() -> None:
    assert join_names(["a"]) == "a"
    assert join_names(["a", "b"]) == "a and b"
    assert join_names(["a", "b", "c"]) == "a, b and c"
    assert join_names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_actors_are_named_as_people_would() -> None:
    assert format_actor("person:ada") == "ada"
    assert format_actor("key:ci") == "the key ci"
    assert format_actor("breakwater") == "Breakwater"


def test_what_others_wrote_cannot_break_a_line_or_run_a_terminal() -> None:
    assert sanitize("a\x1b[31m\nb\u202ec\x00") == "a [31m b c"
    assert sanitize("x" * 1_000_000) == "x" * 159 + "…"
