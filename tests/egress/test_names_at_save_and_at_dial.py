"""Every host name that can be saved is one that both HTTP clients send to under the same name."""
# ruff: noqa: RUF001 -- the names are of many scripts

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.errors import TargetRefused
from breakwater.core.domain.target import Target, parse_target
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.httpx.sender import HttpxSender
from breakwater.core.egress.reqwest.client_pool import wire_url
from breakwater.core.ports import OutboundRequest

_WORDS = """
hooks straße faß βόλος exämple bücher 日本語 例え 中国 한국 пример пример1 مثال אב भारत क्\u200dष l·l a·b ıstanbul
İstanbul ẞ ǆ ﬁ ½ ² ① ｅ １ \u00ad \u200b \u200d \u200c a\u0301 e\u0301\u0301 \u0301a 💩 ☃ ❤\ufe0f 👩\u200d💻 a_b a_ü
_dmarc -a a- a--b ab--c xn--strae-oqa xn--a xn--0 xn-- xn--- xn--example- xn--ls8h xn--n3h xn--ab-0ea
xn--zckzah xn--11b5bs3a9aj6g
xn--bcher-kva8445foa xn--ss- xn--fa-hia xn--fass-xxx xn--999999999 XN--EXMPLE-CUA 1a 1 0x1 ٣ א1 1א \u0640 \u06dd ﷺ
\u212a \u1e9e \u3002 ã ñandú þing œuvre ŀl ǌ ŉ ſ \u2044 \u2100 ゙ ゠ ヷ ー 〆 々 𠮷 𝐚 𐍈 𞤀 ᏸ Ꭰ ა Ა
"""
WORDS = _WORDS.split()
SUFFIXES = ("example", "com", "1a.example", "אב", "xn--4dbc", "de.", "рф", "co.uk", "a_b.example")
CORPUS = [f"{word}.{suffix}" for word, suffix in itertools.product(WORDS, SUFFIXES)]
CORPUS += [f"{Random(number).choice(WORDS)}{Random(-number).choice(WORDS)}.example" for number in range(300)]


HTTPX = HttpxSender(Guard())


def agrees(host: str) -> bool:
    """Return whether the host can be saved; assert that it can be sent to then."""
    try:
        target: Target = parse_target(f"https://{host}/hook")
    except TargetRefused:
        return False
    assert target.host.isascii()
    assert wire_url(target).host_str == target.host
    wire_request = HTTPX._wire_request(OutboundRequest(target, (), b"", 1.0))
    assert (wire_request.url.raw_host.decode(), wire_request.headers["Host"]) == (target.host, target.host)
    return True


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_of_a_corpus_are_refused_alike_when_saved_and_when_requested(suffix: str) -> None:
    for host in CORPUS:
        if host.endswith(f".{suffix}"):
            agrees(host)


def test_the_corpus_has_names_of_both_kinds() -> None:
    saved = [host for host in CORPUS if agrees(host)]
    assert len(CORPUS) > 1_000
    assert len(saved) > 300
    assert len(CORPUS) - len(saved) > 300


@given(st.text(max_size=12))
def test_any_label_is_refused_alike_when_saved_and_when_requested(label: str) -> None:
    agrees(f"{label}.example")


@given(st.text(max_size=12))
def test_any_encoded_label_is_refused_alike_when_saved_and_when_requested(label: str) -> None:
    agrees(f"xn--{label.encode('punycode').decode('ascii')}.example")
