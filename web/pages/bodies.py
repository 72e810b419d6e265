"""Payloads and bodies as text: indented, raw, and as a curl command. The input is untrusted.

Every function bounds its work, whatever the size and the depth of its input.
"""

import codecs
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from breakwater.core.domain.outcome import Headers
from breakwater.core.text.credentials import MASK, is_credential
from breakwater.web.pages.json_text import indent
from breakwater.web.pages.words import visible

MAX_SHOWN: Final = 64 * 1024
"""Characters of one body on a page. More slows browsers down."""
MAX_CURL: Final = 16 * 1024
"""Bytes of a payload that stands in a curl command itself."""
_MAX_HEX: Final = 1_024
_HEX_LINE: Final = 16
_MAX_BYTES_OF_CHARACTER: Final = 4
_SIGNED: Final = frozenset({"webhook-signature", "x-hub-signature-256", "x-webhook-signature"})
_SET_BY_CURL: Final = frozenset({"content-length", "host", "connection", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class ShownBody:
    """A body ready for a page."""

    raw: Markup
    indented: Markup | None
    """None when the body is not JSON."""


def shown_body(body: bytes) -> ShownBody:
    """Return `body` raw and indented, escaped for a page."""
    indented = pretty(body)
    return ShownBody(shown_text(raw(body)), None if indented is None else shown_text(indented))


def shown_text(text: str) -> Markup:
    """Return `text` escaped for a page, with invisible characters as their codes."""
    return escape(visible(text))


def pretty(body: bytes) -> str | None:
    """Return JSON indented, with its keys in the original order; None when `body` is not JSON."""
    return indent(body, MAX_SHOWN)


def raw(body: bytes) -> str:
    """Return the body as text, or a hex dump of its start when it is not UTF-8."""
    start = body[: MAX_SHOWN * _MAX_BYTES_OF_CHARACTER]
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start, final=len(start) == len(body))
    except UnicodeDecodeError:
        return _hex_dump(body)
    shown = text[:MAX_SHOWN]
    rest = len(body) - len(shown.encode())
    return f"{shown}\n… {rest:,} more bytes not shown" if rest else shown


def _hex_dump(body: bytes) -> str:
    lines = [
        f"{start:04x}  {body[start : start + _HEX_LINE].hex(' ')}"
        for start in range(0, min(len(body), _MAX_HEX), _HEX_LINE)
    ]
    rest = len(body) - _MAX_HEX
    return "\n".join([*lines, f"… {rest:,} more bytes not shown"] if rest > 0 else lines)


def as_curl(url: str, headers: Headers, payload: bytes) -> str:
    """Return a curl command that repeats an attempt. Signatures and credentials are placeholders.

    A large payload is read from a file, which the command names.
    """
    lines = [f"curl -X POST {shlex.quote(url)}", *_curl_headers(headers)]
    if len(payload) <= MAX_CURL:
        lines.append(f"--data-binary {shlex.quote(raw(payload))}")
    else:
        lines.append("--data-binary @payload.json")
    return " \\\n  ".join(lines)


def _curl_headers(headers: Headers) -> Sequence[str]:
    lines = []
    for name, value in headers:
        lowered = name.lower()
        if lowered in _SET_BY_CURL:
            continue
        masked = value == MASK or lowered in _SIGNED or is_credential(lowered)
        shown_value = f"<{lowered}>" if masked else value
        lines.append(f"-H {shlex.quote(f'{name}: {shown_value}')}")
    return lines
