r"""Finds lone surrogates: escapes such as `\ud83d` that are half of a character, which I-JSON (RFC 7493) excludes."""

import re
from typing import Final

_ESCAPE: Final = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_HIGH: Final = range(0xD800, 0xDC00)
_LOW: Final = range(0xDC00, 0xE000)


def find_lone_surrogate(body: bytes) -> re.Match[bytes] | None:
    """Return the first escape in a JSON text that is a surrogate without its other half."""
    high: re.Match[bytes] | None = None
    for escape in _ESCAPE.finditer(body):
        code = int(escape[1], 16) if escape[1] else 0
        paired = high is not None and high.end() == escape.start() and code in _LOW
        if high is not None and not paired:
            return high
        if code in _LOW and not paired:
            return escape
        high = escape if code in _HIGH else None
    return high
