"""The syntax of an event type, for messages and subscriptions."""

import re
from typing import Final

from breakwater.core.domain.errors import FieldProblem

PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_EVENT_TYPE: Final = re.compile(PATTERN.removeprefix("^").removesuffix("$"))
_REMEDY: Final = "write 1 to 128 letters, digits, '.', '_' or '-', such as invoice.paid"


def event_type_problems(field: str, value: object) -> list[FieldProblem]:
    """Return the problem of `value` as an event type, or an empty list."""
    if isinstance(value, str) and _EVENT_TYPE.fullmatch(value):
        return []
    return [FieldProblem(field, f"is not a valid event type: {_REMEDY}")]
