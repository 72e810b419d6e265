"""Read the parameters of a filter and collect every problem with them."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, TypeVar

from breakwater.core.domain.errors import FieldProblem
from breakwater.core.text.timestamps import RelativeTime, Timestamp, TimestampError, parse_timestamp

_MAX_TEXT_LENGTH: Final = 200
_MAX_QUOTED: Final = 40
"""Characters of a value that a message repeats."""
_MAX_CHOICES: Final = 20
"""Values of one list: every one that is not valid is reported."""
_UNSEARCHABLE: Final = frozenset({"Cc", "Cs"})
"""Control characters and lone surrogates: PostgreSQL stores neither NUL nor half a character."""

E = TypeVar("E", bound=StrEnum)


class ParameterReader:
    """Reads one parameter at a time; `problems` collects what is wrong with them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name: value.strip() for name, value in values.items()}
        self.problems: list[FieldProblem] = []

    def refuse_unknown(self, names: Collection[str], ignored: Collection[str]) -> None:
        """Note every parameter that is neither in `names` nor in `ignored`."""
        for name in self._values:
            if name not in names and name not in ignored:
                near = get_close_matches(name, names, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"Use {_either(names)}."
                self._refuse(name, f'Unknown filter "{_short(name)}". {hint}')

    def choices(self, field: str, kind: type[E]) -> frozenset[E]:
        """Return the values of a comma-separated list of an enumeration."""
        values: set[E] = set()
        parts = self._values.get(field, "").split(",")
        if len(parts) > _MAX_CHOICES:
            self._refuse(field, f"{field} has too many values. Use at most {_MAX_CHOICES}.")
            return frozenset()
        for part in parts:
            if value := self._choice(field, part.strip().lower(), kind):
                values.add(value)
        return frozenset(values)

    def choice(self, field: str, kind: type[E]) -> E | None:
        """Return one value of an enumeration."""
        return self._choice(field, self._values.get(field, "").lower(), kind)

    def _choice(self, field: str, text: str, kind: type[E]) -> E | None:
        try:
            return kind(text) if text else None
        except ValueError:
            self._refuse(field, f'Unknown {field} "{_short(text)}". Use {_either(list(kind))}.')
            return None

    def identifier(self, field: str, prefix: str) -> str | None:
        """Return an id."""
        text = self._values.get(field, "")
        if text and not re.fullmatch(rf"{prefix}_[0-9a-z]{{1,40}}", text):
            self._refuse(field, f'Invalid {field} id "{_short(text)}". Use an id that begins with {prefix}_.')
            return None
        return text or None

    def text(self, field: str) -> str | None:
        """Return a text to search for."""
        text = self._values.get(field, "")
        if len(text) > _MAX_TEXT_LENGTH:
            self._refuse(field, f"{field} is too long. Use at most {_MAX_TEXT_LENGTH} characters.")
            return None
        for position, character in enumerate(text, start=1):
            if unicodedata.category(character) in _UNSEARCHABLE:
                self._refuse(field, f"{field} has a control character at position {position}. Remove it.")
                return None
        return text or None

    def timestamp(self, field: str) -> Timestamp | None:
        """Return a timestamp."""
        text = self._values.get(field, "")
        try:
            return parse_timestamp(text) if text else None
        except TimestampError as error:
            self._refuse(field, str(error))
            return None

    def check_order(self, since: Timestamp | None, until: Timestamp | None) -> None:
        """Note a time range that ends before it begins. Times that need the present to compare are not checked."""
        if isinstance(since, RelativeTime) and isinstance(until, RelativeTime):
            reversed_range = since.seconds <= until.seconds
        elif isinstance(since, float) and isinstance(until, float):
            reversed_range = since >= until
        else:
            reversed_range = False
        if reversed_range:
            self._refuse("until", '"To" (until) must be later than "From" (since).')

    def _refuse(self, field: str, message: str) -> None:
        self.problems.append(FieldProblem(field, message))


def _either(values: Collection[str]) -> str:
    *others, last = values
    return f"{', '.join(others)} or {last}"


def _short(text: str) -> str:
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"
