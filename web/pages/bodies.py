"""How payloads, bodies and requests are shown: pretty, raw, and as a curl line. All of it is hostile text."""

import json
import shlex
from typing import Final

from breakwater.core.domain.outcome import Headers
from breakwater.core.text.credentials import is_credential

MOST_SHOWN: Final = 64 * 1024
"""Characters of one body on a page; more makes browsers crawl and helps nobody at night."""
_MOST_HEX: Final = 1_024
_HEX_LINE: Final = 16
_SIGNED: Final = frozenset({"webhook-signature", "x-hub-signature-256", "x-webhook-signature"})
_MADE_BY_CURL: Final = frozenset({"content-length", "host", "connection", "accept-encoding"})


def pretty(body: bytes) -> str | None:
    """Return JSON indented, in the order in which it was sent; None when `body` is no JSON worth indenting."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return _shortened(text)


def raw(body: bytes) -> str:
    """Return the text as it came, or a hex dump of its beginning when it is no text."""
    try:
        return _shortened(body.decode())
    except UnicodeDecodeError:
        return _hex_dump(body)


def _shortened(text: str) -> str:
    if len(text) <= MOST_SHOWN:
        return text
    return f"{text[:MOST_SHOWN]}\n… {len(text) - MOST_SHOWN:,} more characters are not shown"


def _hex_dump(body: bytes) -> str:
    lines = [
        f"{start:04x}  {body[start : start + _HEX_LINE].hex(' ')}"
        for start in range(0, min(len(body), _MOST_HEX), _HEX_LINE)
    ]
    rest = len(body) - _MOST_HEX
    return "\n".join([*lines, f"… {rest:,} more bytes are not shown"] if rest > 0 else lines)


def as_curl(url: str, headers: Headers, payload: bytes) -> str:
    """Return a curl line that repeats an attempt; made to be shared: signatures and credentials are placeholders."""
    lines = [f"curl -X POST {shlex.quote(url)}"]
    for name, value in headers:
        lowered = name.lower()
        if lowered in _MADE_BY_CURL:
            continue
        shown = f"<{lowered}>" if lowered in _SIGNED or is_credential(lowered) else value
        lines.append(f"-H {shlex.quote(f'{name}: {shown}')}")
    lines.append(f"--data-binary {shlex.quote(raw(payload))}")
    return " \\\n  ".join(lines)
