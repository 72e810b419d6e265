"""What counts as one source at sign-in."""

import pytest

from breakwater.core.accounts.sources import source_of


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unknown", "unknown"),
        ("x" * 10_000, "x" * 64),
    ],
)
def test_an_ipv4_address_and_an_ipv6_network_are_one_source(address: str, source: str) -> None:
    assert source_of(address) == source


def test_an_ipv4_address_in_ipv6_form_is_the_same_source() -> None:
    assert source_of("::ffff:192.0.2.1") == source_of("192.0.2.1")
    assert source_of("::ffff:192.0.2.2") != source_of("192.0.2.1")
