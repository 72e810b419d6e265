"""Which headers and fields are credentials: sent on the wire, masked wherever they are stored, shown or logged."""

import re
from functools import lru_cache
from typing import Final

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


def mask_credential(name: str, value: str) -> str:
    """Return `value`, or a mask when `name` is that of a credential."""
    return MASK if is_credential(name) else value
