"""A URL gets the same verdict when it is saved and when it is requested, over corpora of names and addresses."""
# ruff: noqa: RUF001 -- names and digits of many scripts

import gzip
import re
from ipaddress import ip_address
from pathlib import Path

import pytest

from breakwater.core.domain.errors import TargetRefused
from breakwater.core.domain.target import NONE, AllowedNetworks, parse_endpoint_url, parse_target
from breakwater.core.egress.failures import RequestBlocked
from breakwater.core.egress.guard import Guard
from tests.egress.conftest import FakeResolver
from tests.egress.test_names_at_save_and_at_dial import agrees

IDNA = Path(__file__).parents[1] / "data" / "idna" / "IdnaTestV2.txt.gz"
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x\{([0-9A-Fa-f]+)\}")

TOLERATED = frozenset({"V2", "V3", "P1", "V6", "A3"})
"""Rules that browsers do not apply (hyphens, and STD3), and characters that a later Unicode than the corpus allows."""

PUBLIC = ("1.1.1.1", "93.184.215.14", "172.15.255.255", "172.32.0.0", "100.63.255.255", "2606:4700::1111")
_BLOCKED = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1
2001:db8::1 2002:7f00:1::1 2002:a9fe:a9fe::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 3fff::1 5f00::1
"""
BLOCKED = _BLOCKED.split()
ALLOWED = (NONE, AllowedNetworks.parse("127.0.0.0/8, [fd00::/8]:8080, 10.1.0.0/16, 169.254.169.254/32"))

_SSRF = r"""
http://2130706433/ http://0x7f000001/ http://0x7f.0.0.1/ http://0177.0.0.1/ http://017700000001/ http://127.1/
http://127.0.1/ http://0/ http://127.0.0.1./ http://127.0.0.1:80:80/ http://127.0.0.1%00.example/ http://127.0.0.1%2f.example/
http://[::]/ http://[::1]/ http://[0:0:0:0:0:0:0:1]/ http://[::ffff:7f00:1]/ http://[::ffff:127.0.0.1]/ http://[fe80::1%25eth0]/
http://[::1 http://::1/ http://[127.0.0.1]/ http://①②⑦.⓪.⓪.①/ http://１２７.０.０.１/ http://127。0。0。1/ http://127．0．0．1/
http://ⓛocalhost/ http://ＬＯＣＡＬＨＯＳＴ/ http://localhost/ http://localhost./ http://LOCALHOST/ http://a.localhost/
http://metadata.google.internal/ http://a.local/ http://a.onion/
http://user@127.0.0.1/ http://example.com@127.0.0.1/ http://127.0.0.1#@example.com/ http://127.0.0.1\@example.com/
http://example.com\@127.0.0.1/ http:\\127.0.0.1\ http:/127.0.0.1/ http:127.0.0.1/ http:///127.0.0.1/ //127.0.0.1/
http://example.com:22/ http://example.com:0/ http://example.com:65536/ http://example.com:80x/ http://example.com:/
ftp://example.com/ file:///etc/passwd gopher://127.0.0.1/ dict://127.0.0.1:11211/ javascript:alert(1) data:text/html,x
jar:http://127.0.0.1!/ http://0.0.0.0/ http://169.254.169.254/latest/meta-data/ http://[fd00:ec2::254]/ http://2852039166/
http://0xa9fea9fe/ http://0251.0376.0251.0376/ http://169.254.43518/ http://[::ffff:a9fe:a9fe]/ http://[64:ff9b::a9fe:a9fe]/
"""
SSRF = _SSRF.split()
"""Ways to write an address or a name that no webhook may be sent to."""


def saved(url: str, allowed: AllowedNetworks = NONE) -> bool:
    """Return whether an endpoint with this URL can be saved."""
    try:
        parse_endpoint_url(url, allowed)
    except TargetRefused:
        return False
    return True


async def allows_connection(host: str, port: int, address: str, allowed: AllowedNetworks = NONE) -> bool:
    """Return whether a request to `host`, a name of `address` or the address itself, may connect."""
    guard = Guard(allowed, FakeResolver({host: [address]}))
    try:
        addresses = await guard.resolve(host, port, 1)
    except RequestBlocked:
        return False
    return [unmapped(str(resolved)) for resolved in addresses] == [unmapped(address)]


def unmapped(address: str) -> object:
    parsed = ip_address(address)
    return getattr(parsed, "ipv4_mapped", None) or parsed


def idna_names() -> list[tuple[str, str, frozenset[str]]]:
    """Return the names of IdnaTestV2 with their ASCII form and the rules that they break (without transition)."""
    names = []
    for line in gzip.decompress(IDNA.read_bytes()).decode().splitlines():
        columns = [_unescaped(column.strip()) for column in line.partition("#")[0].split(";")]
        if len(columns) == 7:
            source, unicode_form, unicode_status, ascii_form, ascii_status = columns[:5]
            status = ascii_status or unicode_status
            broken = frozenset(status.strip("[]").replace(",", " ").split())
            names.append((source, ascii_form or unicode_form or source, broken))
    return names


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), text)


def test_names_of_idna_test_v2_are_saved_in_their_ascii_form_or_refused() -> None:
    accepted = 0
    for source, ascii_form, broken in idna_names():
        if not agrees(source):
            continue
        assert broken <= TOLERATED, f"{source!r} breaks {set(broken)}, and can be saved"
        if not broken:
            accepted += 1
            assert parse_target(f"https://{source}/").host == ascii_form.lower().removesuffix("."), source
    assert accepted > 100


@pytest.mark.parametrize("allowed", ALLOWED, ids=["nothing allowed", "some networks allowed"])
@pytest.mark.parametrize("port", [80, 8080])
async def test_a_host_is_refused_alike_when_it_is_saved_and_when_it_is_requested(
    allowed: AllowedNetworks, port: int
) -> None:
    for address in (*PUBLIC, *BLOCKED):
        host = f"[{address}]" if ":" in address else address
        verdict = saved(f"http://{host}:{port}/", allowed)
        assert await allows_connection(address, port, address, allowed) is verdict, address
        assert await allows_connection("hooks.example.com", port, address, allowed) is verdict, address
        if allowed is NONE:
            assert verdict is (address in PUBLIC), address


@pytest.mark.parametrize("url", SSRF)
def test_no_spelling_of_a_forbidden_host_can_be_saved(url: str) -> None:
    assert not saved(url)
