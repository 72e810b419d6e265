"""Which headers and fields are credentials: sent on the wire, masked wherever they are stored, shown or logged."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final

from breakwater.core.domain.outcome import Headers
from breakwater.core.domain.target.headers import is_always_public

MASK: Final = "•••"
_CREDENTIAL_NAME: Final = re.compile(
    r"authori[sz]ation|cookie|passw|secret|credential|(?<!claim_)token|csrf|api[_-]?key|bootstrap_key|session[_-]?id|sign_in_code",
    re.IGNORECASE,
)
"""The fencing token of a claim grants nothing, and logs need it."""


@lru_cache(maxsize=1_024)
def is_credential(name: str) -> bool:
    """Return whether the value of a header or field of this name may grant access."""
    return _CREDENTIAL_NAME.search(name) is not None


def public_names(stored: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return the names of the public headers, from the column that stores only their values.

    A credential is not public, whatever is stored.
    """
    return tuple(name for name, value in stored.items() if value is not None and not is_credential(name))


def mask_request_headers(headers: Iterable[tuple[str, str]], public: Collection[str]) -> Headers:
    """Return the headers of a request with secret values masked, as everyone with the read scope sees them.

    Breakwater adds no secret. A custom header is secret unless `public` has its name.
    """
    return tuple(
        (name, value if name in public or is_always_public(name) else MASK) for name, value in headers
    )
