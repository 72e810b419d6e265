"""Which custom headers an endpoint may add to its requests."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from breakwater.core.domain.errors import FieldProblem, InvalidInput

MAX_HEADERS: Final = 50
MAX_VALUE_LENGTH: Final = 4096

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
"""A token of RFC 9110, section 5.6.2."""
_VALUE: Final = re.compile(r"(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?")

_SIGNATURE: Final = frozenset(
    {"x-hub-signature-256", "x-webhook-signature", "x-webhook-timestamp", "x-webhook-delivery-id"}
)
"""Set by the signature schemes."""
_RESERVED: Final = _SIGNATURE | frozenset(
    {
        # These say where a request ends and who gets it. Setting one of them twice enables request smuggling.
        *(
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "keep-alive",
            "expect",
            "upgrade",
            "te",
            "trailer",
        ),
    }
)
_OF_ONE_BODY: Final = frozenset(
    {"content-encoding", "content-range", "content-md5", "digest", "content-digest", "repr-digest"}
)
"""They say how a body is encoded, or give its digest. No fixed value is right for a payload that is sent unchanged."""
_RESERVED_PREFIXES: Final = ("proxy-", "webhook-")


def is_always_public(name: str) -> bool:
    """Return whether a request header of this name is never secret, because Breakwater sets such headers."""
    lowered = name.lower()
    return lowered == "content-type" or lowered in _SIGNATURE or lowered.startswith("webhook-")


def check_custom_headers(headers: Mapping[str, object]) -> None:
    """Check custom headers.

    Raises:
        InvalidInput: with reason and remedy for each header that is not allowed, named `headers.<name>`.

    """
    if problems := [*_problems_of_all(headers), *_problems_of_each(headers)]:
        raise InvalidInput(problems)


def _problems_of_all(headers: Mapping[str, object]) -> Iterator[FieldProblem]:
    if len(headers) > MAX_HEADERS:
        yield FieldProblem("headers", f"has {len(headers)} entries; at most {MAX_HEADERS} are allowed")
    for name, times in Counter(name.lower() for name in headers).items():
        if times > 1:
            yield FieldProblem(f"headers.{name}", "appears more than once in different case; keep one")


def _problems_of_each(headers: Mapping[str, object]) -> Iterator[FieldProblem]:
    for name, value in headers.items():
        if reason := _name_problem(name) or _value_problem(value):
            yield FieldProblem(f"headers.{name}", reason)


def _name_problem(name: str) -> str:
    if not _NAME.fullmatch(name):
        return "is not a valid header name; use letters, digits and hyphens, at most 128"
    if name.lower() in _RESERVED or name.lower().startswith(_RESERVED_PREFIXES):
        return "is set by Breakwater or by the connection; choose another name"
    if name.lower() in _OF_ONE_BODY:
        return "describes the body, which is sent unchanged; remove it"
    return ""


def _value_problem(value: object) -> str:
    if not isinstance(value, str):
        return "must be text"
    if len(value) > MAX_VALUE_LENGTH:
        return f"has {len(value)} characters; at most {MAX_VALUE_LENGTH} are allowed"
    if not _VALUE.fullmatch(value):
        return "must be visible ASCII without line breaks, control characters or spaces around it"
    return ""
