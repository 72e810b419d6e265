"""Relative times, figures and untrusted text on pages."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.web.pages import words

NOW = 1_800_000_000.0
UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
LIMITS = {"s": 60, "min": 60, "h": 24, "d": float("inf")}
VISIBLE_FORMATS = set(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Format characters with a shape, such as the Arabic number signs."""


@given(st.floats(-1e8, 1e8))
def test_a_relative_time_has_its_direction_and_its_largest_unit(seconds: float) -> None:
    at = NOW + seconds
    text = words.relative(at, NOW)
    if text == "now":
        assert abs(at - NOW) < 1
        return
    match = re.fullmatch(r"(in )?(\d+) (s|min|h|d)( ago)?", text)
    assert match is not None, text
    future, amount, unit, past = match[1], int(match[2]), match[3], match[4]
    assert (future is not None, past is not None) == (at > NOW, at < NOW)
    assert amount * UNITS[unit] <= abs(at - NOW) < (amount + 1) * UNITS[unit]
    assert 1 <= amount < LIMITS[unit]


@given(st.integers(-100, 3_599))
def test_a_countdown_below_an_hour_has_minutes_and_seconds(seconds: int) -> None:
    text = words.countdown(NOW + seconds, NOW)
    if seconds <= 0:
        assert text == "now"
        return
    minutes, _, rest = text.partition(":")
    assert (int(minutes) * 60 + int(rest), len(rest)) == (seconds, 2)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "now"), (3_599, "59:59"), (3_600, "1 h"), (7_959, "2 h 12 min"), (180_000, "2 d 2 h")],
)
def test_a_countdown_of_hours_has_no_seconds(seconds: float, text: str) -> None:
    assert words.countdown(NOW + seconds, NOW) == text


@given(st.floats(0.0, 1.0))
def test_only_nothing_is_0_percent_and_only_everything_is_100_percent(value: float) -> None:
    text = words.share(value)
    assert (text == "0%", text == "100%") == (value == 0, value == 1)
    if text != "<0.1%":
        assert abs(float(text.removesuffix("%")) - value * 100) <= 0.1


def test_an_unknown_figure_is_a_dash() -> None:
    assert words.share(None) == words.milliseconds(None) == words.NOTHING


@given(st.floats(0.0, 1e7))
def test_a_response_time_can_be_read_back(value: float) -> None:
    amount, _, unit = words.milliseconds(value).partition(" ")
    assert abs(float(amount) * {"ms": 1, "s": 1_000}[unit] - value) <= {"ms": 0.5, "s": 5.01}[unit]
    assert unit == "s" or float(amount) < 1_000


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1_023, "1,023 bytes"),
        (1_024, "1 KiB"),
        (16_794, "16.4 KiB"),
        (2**24, "16,384 KiB"),
    ],
)
def test_a_size_has_bytes_below_one_kibibyte(count: int, text: str) -> None:
    assert words.size(count) == text


@given(st.text())
def test_no_invisible_character_is_shown(text: str) -> None:
    shown = words.visible(text)
    shown.encode()
    hidden = [
        character
        for character in shown
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and character not in "\t\n"
        and character not in VISIBLE_FORMATS
        and not 0x13430 <= ord(character) <= 0x1345F  # joiners of Egyptian hieroglyphs have a shape in fonts
    ]
    assert hidden == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "a\x1b[31mred\u202egnp.exe\u200b\x00\ud800 ä\t漢\n",
            "a\\u001b[31mred\\u202egnp.exe\\u200b\\u0000\\ud800 ä\t漢\n",
        ),
        ("soft\u00adhyphen", "soft\\u00adhyphen"),
        ("tag\U000e0041", "tag\\ue0041"),
        ("\u3164 filler \u115f", "\\u3164 filler \\u115f"),
    ],
)
def test_an_invisible_character_is_shown_as_its_code(text: str, shown: str) -> None:
    assert words.visible(text) == shown


@pytest.mark.parametrize("subject", ["key_1", "usr_1", "javascript:alert(1)", "//evil.example", ""])
def test_a_subject_without_a_page_has_no_link(subject: str) -> None:
    assert words.page_of(subject) is None


@pytest.mark.parametrize(
    ("subject", "path"),
    [("dlv_1", "/deliveries/dlv_1"), ("ep_1", "/endpoints/ep_1"), ("rpl_1", "/replays/rpl_1")],
)
def test_a_subject_with_a_page_is_linked(subject: str, path: str) -> None:
    assert words.page_of(subject) == path
