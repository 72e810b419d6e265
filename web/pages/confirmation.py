"""Confirmation that grows with the blast radius: the more is touched, the more a person must do to touch it."""

from enum import StrEnum, unique
from typing import Final

UP_TO_DIALOG: Final = 50
"""Deliveries: as many as a page lists, so that whoever confirms can have seen them."""


@unique
class Confirmation(StrEnum):
    """What is asked before something is done."""

    NONE = "none"
    """One thing: it can be seen, and done again."""
    DIALOG = "dialog"
    """A few: one more click on what is repeated in words."""
    NUMBER = "number"
    """Many: their number is typed."""


def confirmation_for(count: int) -> Confirmation:
    """Return what must be asked before `count` deliveries are touched."""
    if count <= 1:
        return Confirmation.NONE
    return Confirmation.DIALOG if count <= UP_TO_DIALOG else Confirmation.NUMBER


def is_number(typed: str, count: int) -> bool:
    """Return whether `typed` is `count`, however its thousands are set apart."""
    return typed.translate(
        dict.fromkeys(map(ord, " ,.'_\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"))
    ) == str(count)
