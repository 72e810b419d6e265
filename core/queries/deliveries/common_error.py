"""The common text of errors that differ only in hosts, numbers or ids. Pure."""

import re
from typing import Final

from breakwater.core.queries.paging.filters import WILDCARD
from breakwater.core.text.format import sanitize

_VARYING: Final = re.compile(
    r"""
      [a-z][a-z0-9+.-]*://\S+                    # a URL
    | '[^']*' | "[^"]*" | “[^”]*”                # what is quoted
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
    """Return `error` with `…` for each part that varies; a status code at its beginning stays.

    The result is also the pattern by which a filter finds the same errors again.
    """
    text = sanitize(error)
    status = _STATUS.match(text)
    kept = status.group() if status else ""
    varied = _VARYING.sub(WILDCARD, text[len(kept) :])
    return kept + re.sub(rf"{WILDCARD}[\s{WILDCARD}]*{WILDCARD}", WILDCARD, varied)
