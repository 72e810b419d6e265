"""Times, durations, counts, people and untrusted text in sentences."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.text.format import (
    format_actor,
    format_duration,
    format_time_utc,
    join_names,
    pluralize,
    sanitize,
)

NOW = 1_795_317_127.0  # 2026-11-22 03:12:07 UTC
UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
LIMITS = {"ms": 1_000, "s": 60, "min": 60, "h": 48, "d": float("inf")}
"""The amount from which the next larger unit is used."""


def parts_of(duration: str) -> list[tuple[float, str]]:
    """Return the amounts and units of a formatted duration."""
    return [(float(amount), unit) for amount, unit in re.findall(r"([\d.]+) ([a-z]+)", duration)]


def seconds_in(duration: str) -> float:
    return sum(amount * UNITS[unit] for amount, unit in parts_of(duration))


def precision_of(duration: str) -> float:
    """Return the largest rounding error of a formatted duration, in seconds."""
    parts = parts_of(duration)
    if parts[0][1] == "d" and parts[0][0] >= 14:
        return UNITS["d"] / 2
    smallest = {"ms": 0.001, "s": 0.1, "min": UNITS["s"], "h": UNITS["min"], "d": UNITS["h"]}[parts[0][1]]
    return smallest / 2


def test_a_time_has_its_date_unless_it_is_today() -> None:
    assert format_time_utc(NOW, NOW) == "03:12:07 UTC"
    assert format_time_utc(NOW + 86_400, NOW) == "2026-11-23 03:12:07 UTC"
    assert format_time_utc(NOW) == "2026-11-22 03:12:07 UTC"


@given(st.floats(0.0, 10_000 * 86_400.0))
def test_a_duration_can_be_read_back_and_no_unit_overflows(seconds: float) -> None:
    duration = format_duration(seconds)
    parts = parts_of(duration)
    assert 1 <= len(parts) <= 2
    assert abs(seconds_in(duration) - seconds) <= precision_of(duration) * 1.001
    assert all(amount < LIMITS[unit] for amount, unit in parts), duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (3_599.4, "59 min 59 s"),
        (3_599.6, "1 h"),
        (172_769.0, "47 h 59 min"),
        (172_771.0, "2 d"),
        (14 * 86_400.0 - 1_801.0, "13 d 23 h"),
        (14 * 86_400.0 - 1_799.0, "14 d"),
        (-1.0, "0 ms"),
    ],
)
def test_a_duration_is_rounded_before_its_unit_is_chosen(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


def test_only_exactly_one_is_singular() -> None:
    assert [pluralize(number, "delivery") for number in (0, 1, 2)] == [
        "0 deliveries",
        "1 delivery",
        "2 deliveries",
    ]
    assert pluralize(1, "delivery", more=True) == "1+ deliveries"
    assert pluralize(2, "success", "successes") == "2 successes"


@given(st.integers(0, 10**9), st.booleans())
def test_a_count_can_be_read_back(number: int, more: bool) -> None:
    text, _, noun = pluralize(number, "row", more=more).partition(" ")
    assert (int(text.rstrip("+").replace(",", "")), text.endswith("+")) == (number, more)
    assert noun == ("row" if number == 1 and not more else "rows")


@given(st.lists(st.from_regex(r"[a-m]{1,5}", fullmatch=True), min_size=1, max_size=9), st.integers(1, 5))
def test_a_list_names_the_first_and_counts_the_rest(names: list[str], most: int) -> None:
    text = join_names(names, most)
    listed, _, remainder = (
        text.partition(f" and {len(names) - most} more") if len(names) > most else (text, "", "")
    )
    assert re.split(r", | and ", listed) == names[:most]
    assert remainder == ""


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        ("person:ada", "ada"),
        ("key:ci", "the key ci"),
        ("breakwater", "Breakwater"),
        ("person:a:b", "a:b"),
        ("robot:r2", "robot:r2"),
        ("person:\x1b[2J", "[2J"),
    ],
)
def test_an_actor_is_named_without_its_kind_and_without_control_characters(actor: str, words: str) -> None:
    assert format_actor(actor) == words


@given(st.text(max_size=1_000), st.integers(1, 200))
def test_untrusted_text_is_one_short_line_without_control_characters(text: str, max_length: int) -> None:
    clean = sanitize(text, max_length)
    assert len(clean) <= max_length
    assert not [c for c in clean if unicodedata.category(c).startswith("C") or (c.isspace() and c != " ")]
    assert sanitize(clean, max_length) == clean
    clean.encode()


def test_long_text_ends_with_an_ellipsis() -> None:
    assert sanitize("x" * 1_000_000) == "x" * 159 + "…"
