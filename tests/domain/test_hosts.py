"""A host has one name that every program reads alike, or is refused with the reason."""

import pytest

from breakwater.core.domain.target import parse_target
from tests.domain.refusals import LOOPBACK, refusal


@pytest.mark.parametrize("host", ["localhost", "intranet", "localhost.", "a"])
def test_a_host_has_at_least_two_parts(host: str) -> None:
    assert "full name" in refusal(f"http://{host}/")


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "0x7f.0.0.1",
        "127.0.0.0x1",
        "017700000001",
        "127.0.0.1.",
        "1.2.3.4.5",
        "256.1.1.1",
        "a.example.0x",
        "1.1.1.01",
    ],
)
def test_a_number_that_resolvers_take_for_an_address_is_refused(host: str) -> None:
    assert "could be read as an address" in refusal(f"http://{host}/", LOOPBACK)


@pytest.mark.parametrize(
    "host",
    [
        "%61.example",
        "127.0.0.1%2f.example",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
    ],
)
def test_a_host_has_no_percent_signs(host: str) -> None:
    assert refusal(f"http://{host}/")


@pytest.mark.parametrize(
    "host",
    [
        "\uff11\uff12\uff17.0.0.1",  # full-width digits
        "\uff45xample.com",  # a full-width letter
        "127\u30020\u30020\u30021",  # ideographic full stops
        "a\uff0eexample",
        "a\uff61example",
        "\u2460.example",  # a circled digit
        "\u2488example",  # a digit with a full stop
        "exam\u00adple.com",  # a soft hyphen
        "\u212aelvin.example",  # the Kelvin sign
        "\u2100.example",  # a/c in one character
        "\U0001d41a.example",  # a mathematical letter
    ],
)
def test_an_ambiguous_host_is_refused(host: str) -> None:
    assert refusal(f"http://{host}/")


@pytest.mark.parametrize(
    "host",
    [
        "a..example",
        ".a.example",
        "a.example..",
        "-a.example",
        "a-.example",
        "a,b.example",
        "a.exa*mple",
        "a.ex!mple",
    ],
)
def test_a_host_with_an_invalid_label_is_refused(host: str) -> None:
    assert refusal(f"http://{host}/")


@pytest.mark.parametrize(
    "host", ["xn--a.example", "xn--example-.com", "xn--999999999.example", "xn--.example"]
)
def test_an_encoded_name_that_decodes_to_nothing_sensible_is_refused(host: str) -> None:
    assert refusal(f"http://{host}/")


def test_names_and_their_parts_have_the_lengths_of_the_dns() -> None:
    assert parse_target(f"http://{'a' * 63}.example/").host == f"{'a' * 63}.example"
    assert "longer than 63" in refusal(f"http://{'a' * 64}.example/")
    assert "longer than 253" in refusal(f"http://{'a.' * 130}example/")


@pytest.mark.parametrize("host", ["[]", "[v1.x]", "[1.2.3.4]", "[::1", "::1", "[::1]x", "[12345::]"])
def test_brackets_hold_an_ipv6_address_and_nothing_else(host: str) -> None:
    assert refusal(f"http://{host}/")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("stra\u00dfe.example", "xn--strae-oqa.example"),
        ("STRA\u00dfE.example", "xn--strae-oqa.example"),
        ("fa\u00df.de", "xn--fa-hia.de"),
        ("\u03b2\u03cc\u03bb\u03bf\u03c2.example", "xn--nxasmm1c.example"),
    ],
)
def test_letters_that_only_the_old_idna_replaced_are_kept(written: str, expected: str) -> None:
    assert parse_target(f"http://{written}/").host == expected
    assert parse_target(f"http://{expected}/").host == expected
