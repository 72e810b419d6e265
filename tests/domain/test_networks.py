"""Only public addresses are allowed, and those that an operator names."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.target.networks import NONE, AllowedNetworks, address_refusal, is_allowed_port

FORBIDDEN_NETWORKS = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "::/8",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]


def refusal(address: object, port: int = 443, allowed: AllowedNetworks = NONE) -> str | None:
    return address_refusal(ip_address(address), port, allowed)


@pytest.mark.parametrize("network", FORBIDDEN_NETWORKS)
def test_a_special_network_is_refused_from_its_first_address_to_its_last(network: str) -> None:
    assert refusal(ip_network(network)[0])
    assert refusal(ip_network(network)[-1])


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "168.63.129.17",
        "2606:4700:4700::1111",
        "2001:200::1",
        "2003::1",
        "2a00::1",
        "3ffe::1",
    ],
)
def test_a_public_address_next_to_a_special_network_is_allowed(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("address", ["224.0.0.1", "192.88.99.1", "64:ff9b::7f00:1", "fec0::1"])
def test_special_addresses_that_python_considers_global_are_refused(address: str) -> None:
    assert refusal(address)


@given(st.ip_addresses(v=4))
def test_ipv4_mapped_addresses_are_checked_as_ipv4(address: IPv4Address) -> None:
    mapped = ip_address(f"::ffff:{address}")
    assert (refusal(mapped) is None) == (refusal(address) is None)


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_outside_the_public_range_is_allowed(address: IPv6Address) -> None:
    if address not in ip_network("2000::/3") and address.ipv4_mapped is None:
        assert refusal(address)


def test_a_refusal_says_why_and_what_an_operator_can_do() -> None:
    assert refusal("10.1.2.3") == (
        "10.1.2.3 is not a public address (10.0.0.0/8: a private network); "
        "an operator can allow its network with BREAKWATER_ALLOWED_NETWORKS"
    )


@pytest.mark.parametrize("port", [80, 443, 1024, 8080, 65535])
def test_web_ports_and_unprivileged_ports_are_allowed(port: int) -> None:
    assert is_allowed_port(port)
    assert refusal("1.1.1.1", port) is None


@pytest.mark.parametrize("port", [-1, 0, 1, 22, 25, 53, 79, 81, 442, 444, 1023, 65536])
def test_other_ports_are_never_allowed(port: int) -> None:
    assert not is_allowed_port(port)
    assert "not allowed" in refusal("1.1.1.1", port)


def test_an_allowed_network_does_not_allow_its_neighbour() -> None:
    allowed = AllowedNetworks.parse("10.2.0.0/16")
    assert refusal("10.2.255.255", 443, allowed) is None
    assert refusal("10.3.0.0", 443, allowed)


def test_an_allowed_port_opens_no_other_port() -> None:
    allowed = AllowedNetworks.parse("127.0.0.1/32:9000")
    assert refusal("127.0.0.1", 9000, allowed) is None
    assert refusal("127.0.0.1", 9001, allowed)


def test_an_allowed_network_opens_no_forbidden_port() -> None:
    assert refusal("10.2.0.1", 22, AllowedNetworks.parse("10.2.0.0/16"))


def test_an_allowed_ipv4_network_includes_its_ipv6_forms() -> None:
    assert refusal("::ffff:10.2.0.1", 443, AllowedNetworks.parse("10.2.0.0/16")) is None


@pytest.mark.parametrize(
    "wide", ["0.0.0.0/0", "169.0.0.0/8", "169.254.0.0/15", "::/0", "fe00::/7", "fe80::/9"]
)
def test_link_local_is_not_allowed_by_a_wider_network(wide: str) -> None:
    allowed = AllowedNetworks.parse(wide)
    assert refusal("169.254.169.254", 80, allowed)
    assert refusal("fe80::1", 80, allowed)


@pytest.mark.parametrize(
    ("rule", "address"),
    [("169.254.0.0/16", "169.254.169.254"), ("fe80::/64", "fe80::1"), ("fe80::/10", "fe80::1")],
)
def test_link_local_is_allowed_by_naming_it(rule: str, address: str) -> None:
    assert refusal(address, 80, AllowedNetworks.parse(rule)) is None


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("10.2.0.0/16", "10.2.0.1", 443),
        ("10.2.0.1", "10.2.0.1", 443),
        ("10.2.0.1:8080", "10.2.0.1", 8080),
        ("10.2.0.0/16:8080", "10.2.0.1", 8080),
        ("fd00::/8", "fd00::1", 443),
        ("::1", "::1", 443),
        ("[::1]:8080", "::1", 8080),
        ("[fd00::/8]:8080", "fd00::1", 8080),
        ("fd00::/8:8080", "fd00::1", 8080),
        ("192.168.0.0/16, 10.2.0.0/16", "10.2.0.1", 443),
        ("192.168.0.0/16 10.2.0.0/16", "10.2.0.1", 443),
        (["192.168.0.0/16", " 10.2.0.0/16 "], "10.2.0.1", 443),
    ],
)
def test_every_notation_of_a_rule_is_parsed(text: str | list[str], address: str, port: int) -> None:
    assert AllowedNetworks.parse(text).allows(ip_address(address), port)


@pytest.mark.parametrize("text", ["", " , ", []])
def test_without_rules_nothing_is_allowed(text: str | list[str]) -> None:
    assert AllowedNetworks.parse(text) == NONE
    assert not NONE.allows(ip_address("127.0.0.1"), 80)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("10.2.3.4/16", "did you mean 10.2.0.0/16?"),
        ("10.2.0.0/33", "write it as CIDR"),
        ("localhost", "write it as CIDR"),
        ("10.2.0.0/16:22", "not allowed"),
        ("10.2.0.0/16:0", "not allowed"),
        ("10.2.0.0/16:99999", "not allowed"),
        ("10.2.0.0/16:http", "write it as CIDR"),
        ("[::1", "write it as CIDR"),
        (":8080", "write it as CIDR"),
    ],
)
def test_an_invalid_rule_is_refused_with_the_remedy(text: str, remedy: str) -> None:
    with pytest.raises(InvalidInput, match="allowed_networks") as caught:
        AllowedNetworks.parse(text)
    assert remedy in str(caught.value)


def test_every_invalid_rule_is_reported_together() -> None:
    with pytest.raises(InvalidInput) as caught:
        AllowedNetworks.parse("nonsense, 10.0.0.0/8, 10.0.0.1/8")
    assert len(caught.value.problems) == 2
