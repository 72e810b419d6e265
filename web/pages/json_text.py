"""Indents JSON as text, up to a limit: the work does not grow with what is left out."""

import json
import re
from typing import Final

import msgspec

MAX_INDENTED: Final = 1024 * 1024
"""Bytes of a body that is indented. Checking a larger one takes too long."""
CUT: Final = "\n… the rest is not shown"
_TOKEN: Final = re.compile(
    r'[ \t\n\r]*+(?P<token>"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^ \t\n\r\[\]{},:"]++)', re.DOTALL
)
_STEP: Final = "  "


def indent(body: bytes, limit: int) -> str | None:
    """Return the first `limit` characters of a JSON text, indented; None when `body` is not JSON or too large.

    Keys keep their order and numbers their digits; escapes in text become characters.
    """
    if len(body) > MAX_INDENTED:
        return None
    try:
        msgspec.json.decode(body, type=msgspec.Raw)  # checks the syntax without building values
        text = body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _indent(text, limit)


def _indent(text: str, limit: int) -> str:
    parts: list[str] = []
    length = depth = position = 0
    empty = False  # whether the previous token opened a list or an object
    while length <= limit and (match := _TOKEN.match(text, position)):
        position = match.end()
        token = match["token"]
        match token:
            case "[" | "{":
                part = f"{_line(depth)}{token}" if empty else token
                depth += 1
            case "]" | "}":
                depth -= 1
                part = token if empty else f"{_line(depth)}{token}"
            case ",":
                part = f",{_line(depth)}"
            case ":":
                part = ": "
            case _:
                value = _readable(token, limit)
                part = f"{_line(depth)}{value}" if empty else value
        empty = token in {"[", "{"}
        parts.append(part)
        length += len(part)
    indented = "".join(parts)
    return indented if len(indented) <= limit else f"{indented[:limit]}{CUT}"


def _line(depth: int) -> str:
    return f"\n{_STEP * depth}"


def _readable(token: str, limit: int) -> str:
    """Return a value with its escapes as characters, as far as JSON allows them; at most one more than `limit`."""
    shortened = token[: limit + 1]
    if "\\" not in token or len(token) > limit:
        return shortened
    return json.dumps(json.loads(token), ensure_ascii=False)
