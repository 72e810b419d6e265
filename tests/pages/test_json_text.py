"""Indenting JSON as text: the same lines as Python's own encoder, bounded in output and in work."""

import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.web.pages.bodies import shown_body
from breakwater.web.pages.json_text import CUT, MAX_INDENTED, indent
from tests.web.hostile_content import bodies, payloads

LIMIT = 64 * 1024
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(values, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_any_json_is_indented_as_by_the_standard_library(
    value: object, ascii_only: bool, spaces: int | str | None
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=spaces).encode(errors="surrogatepass")
    if (indented := indent(body, LIMIT)) is not None:
        assert indented == json.dumps(value, ensure_ascii=False, indent=2)


def test_numbers_keep_their_digits_and_repeated_keys_stay() -> None:
    body = b'{"a":1.10,"a":12345678901234567.89,"b":1E5}'
    assert indent(body, LIMIT) == '{\n  "a": 1.10,\n  "a": 12345678901234567.89,\n  "b": 1E5\n}'


def test_escapes_become_characters() -> None:
    assert indent(rb'["\u00e4\/\ud83d\udea2\n\u0007"]', LIMIT) == '[\n  "ä/\U0001f6a2\\n\\u0007"\n]'


@pytest.mark.parametrize(
    "body", [b"", b"[1", b"NaN", b"01", b"[1]x", b'"\xff"', rb'"\ud83d"', b"\xef\xbb\xbf{}", b"[" * 10_000]
)
def test_what_is_not_json_is_not_indented(body: bytes) -> None:
    assert indent(body, LIMIT) is None


def test_a_body_that_is_too_large_to_check_is_not_indented() -> None:
    assert indent(b"[" + b" " * MAX_INDENTED + b"]", LIMIT) is None


@pytest.mark.parametrize(("name", "body"), list(bodies(MAX_INDENTED)))
def test_hostile_json_is_cut_and_takes_bounded_time(name: str, body: bytes) -> None:
    began = time.thread_time()
    indented = indent(body, LIMIT)
    assert time.thread_time() - began < 0.5, name
    assert indented is None or len(indented) <= LIMIT + len(CUT)


@pytest.mark.parametrize(("name", "body"), list(bodies(262_137)))
def test_hostile_json_takes_bounded_memory(name: str, body: bytes) -> None:
    tracemalloc.start()
    try:
        shown_body(body)
        _current, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024, name


def test_the_cut_is_at_the_limit_and_says_so() -> None:
    for name, body in payloads(LIMIT * 4):
        if name.startswith("escaped"):  # a text beyond the limit is cut before its escapes are read
            continue
        whole = indent(body, 10_000_000)
        cut = indent(body, 1_000)
        assert whole is not None
        assert cut == (whole if len(whole) <= 1_000 else whole[:1_000] + CUT)
