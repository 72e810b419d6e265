import pytest

from breakwater.web.pages import words

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.4, "now"),
        (-0.4, "now"),
        (-12, "12 s ago"),
        (-59.9, "59 s ago"),
        (-300, "5 min ago"),
        (-7_200, "2 h ago"),
        (-200_000, "2 d ago"),
        (12, "in 12 s"),
        (3_600, "in 1 h"),
    ],
)
def test_a_moment_is_said_relatively_in_its_largest_unit(seconds: float, expected: str) -> None:
    assert words.relative(NOW + seconds, NOW) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "now"),
        (0.9, "now"),
        (42, "0:42"),
        (3_599, "59:59"),
        (7_920, "2 h 12 min"),
        (90_000, "25 h"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_countdown_counts_seconds_within_the_hour(seconds: float, expected: str) -> None:
    assert words.countdown(NOW + seconds, NOW) == expected


def test_a_share_below_everything_is_never_rounded_up_to_everything() -> None:
    assert [words.share(value) for value in (None, 0, 0.5, 0.9996, 1)] == [
        words.NOTHING,
        "0%",
        "50%",
        "99.9%",
        "100%",
    ]


def test_what_cannot_be_seen_is_written_out() -> None:
    text = words.visible("a\x1b[31mred\u202egnp.exe\u200b\x00\ud800 ä\t漢\n")
    assert text == "a\\u001b[31mred\\u202egnp.exe\\u200b\\u0000\\ud800 ä\t漢\n"
    text.encode()


def test_only_what_has_a_page_is_linked() -> None:
    assert words.page_of("dlv_1") == "/deliveries/dlv_1"
    assert words.page_of("key_1") is None
    assert words.page_of("javascript:alert(1)") is None
