"""Which confirmation an action needs: the more deliveries it affects, the stronger the confirmation."""

from enum import StrEnum, unique
from typing import Final

UP_TO_DIALOG: Final = 50
"""Deliveries that a dialog confirms: as many as a page of the list shows."""


@unique
class Confirmation(StrEnum):
    """The confirmation before an action."""

    NONE = "none"
    """For one delivery."""
    DIALOG = "dialog"
    """For up to a page: one more click, beside the filter in words."""
    NUMBER = "number"
    """For more: the number is typed."""


def confirmation_for(count: int) -> Confirmation:
    """Return the confirmation for an action on `count` deliveries."""
    if count <= 1:
        return Confirmation.NONE
    return Confirmation.DIALOG if count <= UP_TO_DIALOG else Confirmation.NUMBER


def is_number(typed: str, count: int) -> bool:
    """Return whether `typed` is `count`, with any thousands separator."""
    return typed.translate(
        dict.fromkeys(map(ord, " ,.'_\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"))
    ) == str(count)
