r"""Finds lone surrogates: escapes such as `\ud83d` that are half of a character, which I-JSON (RFC 7493) excludes."""

import re
from typing import Final

_SEARCHED: Final = 1024 * 1024
"""Bytes of a body that are searched."""
_PAIRED: Final = re.compile(
    rb"""
    (?: [^\\]++
      | \\u [dD][89abAB][0-9a-fA-F]{2} \\u [dD][c-fC-F][0-9a-fA-F]{2}
      | \\u (?! [dD][89a-fA-F][0-9a-fA-F]{2} )
      | \\ [^u]
    )*+
    (?P<lone> \\u [0-9a-fA-F]{4} )?
    """,
    re.DOTALL | re.VERBOSE,
)
"""Everything up to the first lone surrogate, in a single match, which is much faster than a search by escape."""


def find_lone_surrogate(body: bytes) -> tuple[int, bytes] | None:
    """Return position and text of the first escape in a JSON text that is a surrogate without its other half."""
    match = _PAIRED.match(body, 0, _SEARCHED)
    return None if match is None or match["lone"] is None else (match.start("lone"), match["lone"])
