"""The common text of errors that differ only in hosts, numbers or ids. Pure."""

import re
from typing import Final

from breakwater.core.queries.paging.filters import WILDCARD
from breakwater.core.text.format import sanitize

_VARYING: Final = re.compile(
    r"""
      [a-z][a-z0-9+.-]*://\S+                    # a URL
    | '[^']*' | "[^"]*" | “[^”]*”                # quoted text
    | \[[0-9a-f:.]+\](:\d+)?                     # an IPv6 address in brackets
    | \b[0-9a-f]*:[0-9a-f:]*:[0-9a-f.:]*[0-9a-f] # or without
    | \b(?:[a-z0-9_-]+\.)+[a-z0-9-]+(:\d+)?\b    # a host name, an IPv4 address, a number with a point
    | \b[a-z]{2,8}_[0-9a-z]{20,}\b               # an id
    | \b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b
    | \b[0-9a-f]*\d[0-9a-f]{7,}\b                # a digest
    | \d+
    """,
    re.IGNORECASE | re.VERBOSE,
)
_STATUS: Final = re.compile(r"\d{3}\b")


def common_error(error: str) -> str:
    """Replace each part of `error` that varies with `…`; keep a status code at its beginning.

    The result is also the pattern with which a filter finds these errors.
    """
    text = sanitize(error)
    match = _STATUS.match(text)
    status_code = match.group() if match else ""
    pattern = _VARYING.sub(WILDCARD, text[len(status_code) :])
    return status_code + re.sub(rf"{WILDCARD}[\s{WILDCARD}]*{WILDCARD}", WILDCARD, pattern)
