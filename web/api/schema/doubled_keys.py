"""Finds a key that occurs twice in an object: decoders take the last value and drop the other silently."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

_PREFIX: Final = 64
"""Bytes of a part that are searched. The whole part is compared only where they occur."""
_SPACE: Final = b" \t\r\n"


def envelope(body: bytes, parts: Iterable[bytes]) -> bytes:
    """Return `body` with each of `parts`, which occur in this order, replaced by null.

    The contents of payloads may have any keys, and need no second parsing. A part that is not found stays.
    """
    rest: list[bytes] = []
    end = 0
    for part in parts:
        start = body.find(part[:_PREFIX], end)
        if start >= 0 and body.startswith(part, start):
            rest += (body[end:start], b"null")
            end = start + len(part)
    rest.append(body[end:])
    return b"".join(rest)


def may_double(text: bytes, quoted_keys: Iterable[bytes]) -> bool:
    """Return whether an object in `text` can have one of `quoted_keys` twice. Fast, and false for usual text."""
    if b"\\" in text:
        return True
    for key in quoted_keys:  # noqa: SIM110 - half the time of any(), for each message
        if text.count(key) > 1:
            return True
    return False


def find_doubled_key(text: bytes) -> str | None:
    """Return a key that occurs twice in an object of this valid JSON, an outer object first.

    Raises RecursionError.
    """
    doubled: list[str] = []

    def check(pairs: list[tuple[str, Any]]) -> None:
        doubled.extend(key for key, count in Counter(key for key, _value in pairs).items() if count > 1)

    json.loads(text, object_pairs_hook=check)
    return doubled[-1] if doubled else None


def is_doubled_list(text: bytes, key: bytes) -> bool:
    """Return whether an object with one list, whose items are null in `text`, has more than that list."""
    items = text.translate(None, _SPACE + b",").replace(b"null", b"")
    return items != b'{"' + key + b'":[]}'
