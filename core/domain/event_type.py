"""What an event type looks like, for messages and for subscriptions."""

import re
from typing import Final

from breakwater.core.domain.errors import FieldProblem

PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_EVENT_TYPE: Final = re.compile(PATTERN.removeprefix("^").removesuffix("$"))
_REMEDY: Final = "write 1 to 128 letters, digits, '.', '_' or '-', such as invoice.paid"


def event_type_problems(field: str, value: object) -> list[FieldProblem]:
    """Return what is wrong with `value` as an event type: nothing, or one problem."""
    if isinstance(value, str) and _EVENT_TYPE.fullmatch(value):
        return []
    return [FieldProblem(field, f"is no event type: {_REMEDY}")]
