"""Check numbers against bounds, with one wording for all settings."""

from dataclasses import dataclass
from typing import Final

from breakwater.core.domain.errors import FieldProblem

_SHOWN_LENGTH: Final = 40
_SHOWN_BITS: Final = 128
"""Python raises ValueError for the text of an int with thousands of digits."""


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """Whole numbers from `low` to `high`."""

    low: int
    high: int

    def problems(self, field: str, value: object) -> list[FieldProblem]:
        """Return the problem of `value`, or an empty list."""
        return whole_number(field, value, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Number:
    """Finite numbers from (`above`: greater than) `low` to `high`."""

    low: float
    high: float
    above: bool = False

    def problems(self, field: str, value: object) -> list[FieldProblem]:
        """Return the problem of `value`, or an empty list."""
        return number(field, value, self.low, self.high, above=self.above)


def whole_number(field: str, value: object, low: int, high: int) -> list[FieldProblem]:
    """Return the problem of `value` as a whole number from `low` to `high`, or an empty list."""
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return []
    return [
        FieldProblem(field, f"must be a whole number from {low:,} to {high:,}, not {_quote_value(value)}")
    ]


def number(field: str, value: object, low: float, high: float, *, above: bool = False) -> list[FieldProblem]:
    """Return the problem of `value` as a finite number from (`above`: greater than) `low` to `high`, if any."""
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and _within(value, low, high, above=above)
    ):
        return []
    bounds = f"greater than {low:,g} and at most {high:,g}" if above else f"from {low:,g} to {high:,g}"
    return [FieldProblem(field, f"must be a number {bounds}, not {_quote_value(value)}")]


def _within(value: float, low: float, high: float, *, above: bool) -> bool:
    # NaN compares false with everything; infinity is above every `high`; an int of any length compares exactly.
    return (low < value if above else low <= value) and value <= high


def _quote_value(value: object) -> str:
    """Return `value` as it was written, cut to a short text."""
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:
        return "a number of that many digits"
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}..."
