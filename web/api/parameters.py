"""Parameters of addresses and query strings, read strictly."""

import re
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
    "Items of a page.",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
)
CURSOR: Final = Parameter("cursor", "`next_cursor` of the page before.", {"type": "string"})
OF_ENDPOINTS: Final = Parameter(
    "q", "Of endpoints whose name or URL contains this, or that have it for their id.", {"type": "string"}
)


def runtime_of(request: ApiRequest) -> Runtime:
    """Return the running service."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def actor_of(request: ApiRequest) -> str:
    """Return who asks, as audit entries name them."""
    return principal_of(request).actor


def identified(kind: str, given: str) -> str:
    """Return an id that may exist. Raises NotFound for what no id looks like, without asking the database."""
    if not _ID.fullmatch(given):
        raise NotFound(kind, given[:100])
    return given


def parameters(request: ApiRequest, known: Collection[str] | None = None) -> dict[str, str]:
    """Return the query string's parameters. Raises BadRequest for one that comes twice or, with `known`, is not."""
    given = list(request.query_params.multi_items())
    values = dict(given)
    for name in values:
        if known is not None and name not in known:
            expected = f"choose from {', '.join(sorted(known))}" if known else "there is none here"
            raise BadRequest.of(name, f"is not a parameter: {expected}")
        if sum(each == name for each, _ in given) > 1:
            raise BadRequest.of(name, "is given twice: give it once")
    return values


def limit_of(values: dict[str, str]) -> int:
    """Return the `limit` of a page. Raises BadRequest."""
    return whole(values, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)


def whole(values: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`. Raises BadRequest."""
    text = values.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise BadRequest.of(name, f"is {text[:40]!r}: give a whole number from {low:,} to {high:,}")
    return int(text)


@contextmanager
def of_the_address() -> Iterator[None]:
    """Refuse as 400 what is refused here: parameters of a list are part of its address, not of a body."""
    try:
        yield
    except InvalidInput as invalid:
        raise BadRequest(invalid.problems) from None
