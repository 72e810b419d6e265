"""Content that is expensive to show: deep, long, wide, many, and without a visible character."""

from collections.abc import Iterator

from breakwater.core.domain.outcome import Headers


def deep_list(size: int) -> bytes:
    """Return a list in 849 brackets: indented, every element stands behind 1,698 spaces."""
    brackets = 849
    return b"[" * brackets + b",".join([b"1"] * ((size - 2 * brackets) // 2)) + b"]" * brackets


def payloads(size: int) -> Iterator[tuple[str, bytes]]:
    """Return JSON of `size` bytes at most, with what is hostile about it."""
    yield "a long list in deep brackets", deep_list(size)
    yield "a long list", b"[" + b",".join([b"1"] * (size // 2 - 1)) + b"]"
    yield "empty lists", b"[" + b",".join([b"[]"] * (size // 3 - 1)) + b"]"
    yield "deep objects", _nested(b'{"a":', b"}", 900, size)
    yield "one line", _text(b"x", size)
    yield "quotes", _text(b"'<&>", size)
    yield "escaped controls", _text(b"\\u0000", size)
    yield "escaped surrogates", _text(b"\\ud83d\\ude00", size)
    yield "escaped quotes", _text(b'\\"', size)
    yield "invisible characters", _text("\u202e\u200b".encode(), size)
    yield "characters of four bytes", _text("\U0001f6a2\U00010348".encode(), size)
    yield "combining characters", _text("a\u0301\u0302".encode(), size)
    yield "many keys", b"{" + b",".join(b'"%x":0' % key for key in range(size // 14)) + b"}"
    yield "long numbers", b"[" + b",".join([b"1" * 300] * (size // 301 - 1)) + b"]"
    yield "white space", b"[" + b" " * (size - 2) + b"]"


def bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Return bodies of `size` bytes at most: those above, and some that are not JSON."""
    yield from payloads(size)
    yield "not closed", deep_list(size)[:-1]
    yield "brackets", b"[" * size
    yield "bytes that are not UTF-8", b"\xff" * size
    yield "controls", b"\x00" * size
    yield "escapes of a terminal", b"\x1b[31m" * (size // 5)
    yield "lines", b"\n" * size


def many_headers(size: int) -> Headers:
    """Return so many headers that their names and values have `size` bytes."""
    return tuple((f"x{number:x}", "\u202e") for number in range(size // 8))


def _text(unit: bytes, size: int) -> bytes:
    return b'"' + unit * ((size - 2) // len(unit)) + b'"'


def _nested(begin: bytes, end: bytes, depth: int, size: int) -> bytes:
    return begin * depth + _text(b"x", size - depth * (len(begin) + len(end))) + end * depth
