"""Header values that are credentials: used on the wire, never shown."""

from typing import Final

MASK: Final = "•••"
_SECRET_WORDS: Final = ("authorization", "cookie", "token", "secret", "api-key", "apikey", "password")


def is_credential(header: str) -> bool:
    """Return whether the value of a header of this name is likely to let somebody in."""
    lowered = header.lower()
    return any(word in lowered for word in _SECRET_WORDS)


def shown_value(header: str, value: str) -> str:
    """Return `value`, or a mask where it is a credential."""
    return MASK if is_credential(header) else value
