"""Payloads and bodies as text: indented, raw, and as a curl command. The input is untrusted."""

import json
import shlex
from typing import Final

from breakwater.core.domain.outcome import Headers
from breakwater.core.text.credentials import MASK, is_credential

MAX_SHOWN: Final = 64 * 1024
"""Characters of one body on a page. More slows browsers down."""
_MAX_HEX: Final = 1_024
_HEX_LINE: Final = 16
_SIGNED: Final = frozenset({"webhook-signature", "x-hub-signature-256", "x-webhook-signature"})
_SET_BY_CURL: Final = frozenset({"content-length", "host", "connection", "accept-encoding"})


def pretty(body: bytes) -> str | None:
    """Return JSON indented, with its keys in the original order; None when `body` is not JSON."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return _truncated(text)


def raw(body: bytes) -> str:
    """Return the body as text, or a hex dump of its start when it is not UTF-8."""
    try:
        return _truncated(body.decode())
    except UnicodeDecodeError:
        return _hex_dump(body)


def _truncated(text: str) -> str:
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}\n… {len(text) - MAX_SHOWN:,} more characters not shown"


def _hex_dump(body: bytes) -> str:
    lines = [
        f"{start:04x}  {body[start : start + _HEX_LINE].hex(' ')}"
        for start in range(0, min(len(body), _MAX_HEX), _HEX_LINE)
    ]
    rest = len(body) - _MAX_HEX
    return "\n".join([*lines, f"… {rest:,} more bytes not shown"] if rest > 0 else lines)


def as_curl(url: str, headers: Headers, payload: bytes) -> str:
    """Return a curl command that repeats an attempt. Signatures and credentials are placeholders."""
    lines = [f"curl -X POST {shlex.quote(url)}"]
    for name, value in headers:
        lowered = name.lower()
        if lowered in _SET_BY_CURL:
            continue
        masked = value == MASK or lowered in _SIGNED or is_credential(lowered)
        shown_value = f"<{lowered}>" if masked else value
        lines.append(f"-H {shlex.quote(f'{name}: {shown_value}')}")
    lines.append(f"--data-binary {shlex.quote(raw(payload))}")
    return " \\\n  ".join(lines)
