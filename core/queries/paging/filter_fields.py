"""Reads the parameters of a filter and collects everything that is wrong with them."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, TypeVar

from breakwater.core.domain.errors import FieldProblem
from breakwater.core.text.timestamps import MomentError, RelativeTime, Timestamp, parse_moment

_LONGEST_TEXT: Final = 200
_UNSEARCHABLE: Final = frozenset({"Cc", "Cs"})
"""Control characters and lone surrogates: PostgreSQL stores neither NUL nor half a character."""

E = TypeVar("E", bound=StrEnum)


class Reader:
    """Takes one parameter after the other; `problems` has what could not be read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name: value.strip() for name, value in values.items()}
        self.problems: list[FieldProblem] = []

    def refuse_unknown(self, known: Collection[str], beside: Collection[str]) -> None:
        """Note every parameter that is neither known nor to be ignored."""
        for name in self._values:
            if name not in known and name not in beside:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"the filters are {', '.join(known)}"
                self.problems.append(FieldProblem(name, f"is no filter; {hint}"))

    def names(self, field: str, allowed: Collection[str]) -> frozenset[str]:
        """Return the words of a comma-separated list."""
        found: set[str] = set()
        position = 1
        for part in self._values.get(field, "").split(","):
            name = part.strip().lower()
            if name in allowed:
                found.add(name)
            elif name:
                self._refuse(field, position, f"“{_short(name)}” is none of {', '.join(allowed)}")
            position += len(part) + 1
        return frozenset(found)

    def choice(self, field: str, kind: type[E]) -> E | None:
        """Return the one value of an enumeration."""
        text = self._values.get(field, "").lower()
        try:
            return kind(text) if text else None
        except ValueError:
            self._refuse(field, 1, f"“{_short(text)}” is none of {', '.join(kind)}")
            return None

    def identifier(self, field: str, prefix: str) -> str | None:
        """Return an id."""
        text = self._values.get(field, "")
        if text and not re.fullmatch(rf"{prefix}_[0-9a-z]{{1,40}}", text):
            self._refuse(field, 1, f"expected an id that begins with {prefix}_")
            return None
        return text or None

    def text(self, field: str) -> str | None:
        """Return a text that can be searched for."""
        text = self._values.get(field, "")
        if len(text) > _LONGEST_TEXT:
            self._refuse(field, _LONGEST_TEXT + 1, f"expected at most {_LONGEST_TEXT} characters")
            return None
        for position, character in enumerate(text, start=1):
            if unicodedata.category(character) in _UNSEARCHABLE:
                self._refuse(field, position, "expected text without control characters")
                return None
        return text or None

    def moment(self, field: str) -> Timestamp | None:
        """Return a point in time."""
        text = self._values.get(field, "")
        try:
            return parse_moment(text) if text else None
        except MomentError as error:
            self._refuse(field, error.position, error.remedy)
            return None

    def check_order(self, since: Timestamp | None, until: Timestamp | None) -> None:
        """Note a span that ends before it begins, as far as that can be told without knowing the present."""
        if isinstance(since, RelativeTime) and isinstance(until, RelativeTime):
            backwards = since.seconds <= until.seconds
        elif isinstance(since, float) and isinstance(until, float):
            backwards = since >= until
        else:
            backwards = False
        if backwards:
            self._refuse("until", 1, "expected a time after since")

    def _refuse(self, field: str, position: int, message: str) -> None:
        self.problems.append(FieldProblem(field, f"position {position}: {message}"))


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004 -- enough to recognise what was typed
