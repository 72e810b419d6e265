"""Path and query parameters, read strictly."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

from litestar import Request

from breakwater.core.domain.errors import InvalidInput, NotFound
from breakwater.core.runtime import Runtime
from breakwater.web.api.schema.openapi import Parameter
from breakwater.web.problems import BadRequest
from breakwater.web.security.guards import principal_of

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
_ID: Final = re.compile(r"[a-z]{2,8}_[0-9a-z]{1,40}")
_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)

ApiRequest = Request[Any, Any, Any]

LIMIT: Final = Parameter(
    "limit",
    "Maximum number of items in a page.",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
)
CURSOR: Final = Parameter("cursor", "`next_cursor` of the previous page.", {"type": "string"})
ENDPOINT_SEARCH: Final = Parameter(
    "q", "Only endpoints whose name or URL contains this text, or whose id it is.", {"type": "string"}
)


def runtime_of(request: ApiRequest) -> Runtime:
    """Return the running service."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def actor_of(request: ApiRequest) -> str:
    """Return the caller as audit entries name it, such as `person:ada` or `key:ci`."""
    return principal_of(request).actor


def checked_id(kind: str, text: str) -> str:
    """Return an id of a valid form. Raises NotFound for any other text, without a database query."""
    if not _ID.fullmatch(text):
        raise NotFound(kind, text[:100])
    return text


def parameters(request: ApiRequest, names: Collection[str] | None = None) -> dict[str, str]:
    """Return the query parameters. Raises BadRequest for a repeated one and, with `names`, for an unknown one."""
    pairs = list(request.query_params.multi_items())
    values = dict(pairs)
    counts = Counter(name for name, _ in pairs)
    for name in values:
        if names is not None and name not in names:
            remedy = f"use {', '.join(sorted(names))}" if names else "this URL has no parameters"
            raise BadRequest.of(name, f"is not a valid parameter: {remedy}")
        if counts[name] > 1:
            raise BadRequest.of(name, "is repeated: send it once")
    return values


def limit_of(values: dict[str, str]) -> int:
    """Return the `limit` of a page. Raises BadRequest."""
    return integer(values, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)


def integer(values: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`. Raises BadRequest."""
    text = values.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise BadRequest.of(name, f"{text[:40]!r} is not valid: use a whole number from {low:,} to {high:,}")
    return int(text)


@contextmanager
def query_errors() -> Iterator[None]:
    """Turn InvalidInput into BadRequest: invalid query parameters are 400, invalid fields of a body 422."""
    try:
        yield
    except InvalidInput as invalid:
        raise BadRequest(invalid.problems) from None
