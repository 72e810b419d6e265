"""Reading forms strictly: only the fields that the forms of this service have."""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request

from breakwater.core.domain.errors import FieldProblem, InvalidInput
from breakwater.web.security.csrf import CSRF_FIELD, FORM_ID_FIELD

MAX_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 200
REASON: Final = "reason"
REASON_MAX: Final = 500
"""Characters of a reason; the same limit as in the API."""
_TYPE: Final = "application/x-www-form-urlencoded"
_ALWAYS: Final = frozenset({CSRF_FIELD, FORM_ID_FIELD})
_RELOAD: Final = "Reload the page and send the form again."


@dataclass(frozen=True, slots=True)
class Form(Mapping[str, str]):
    """The fields of a form, stripped. A field that was not sent is absent, not empty."""

    fields: dict[str, str] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields that may occur several times, such as a group of checkboxes."""

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    def __iter__(self) -> Any:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def text(self, name: str) -> str | None:
        """Return the field, or None when it is absent or empty."""
        return self.fields.get(name) or None


async def read_form(
    request: Request[Any, Any, Any],
    fields: Collection[str] = (),
    *,
    many: Collection[str] = (),
    max_bytes: int = MAX_BYTES,
) -> Form:
    """Return the posted form, which may contain `fields` at most once each, and `many` any number of times.

    Raises `InvalidInput` for another content type, more than `max_bytes` or 200 fields, text that is not UTF-8, NUL, a
    reason that is not one line of text, and for unknown or repeated fields.
    """
    pairs = _pairs(request.headers.get("content-type", ""), await request.body(), max_bytes)
    texts: dict[str, str] = {}
    lists: dict[str, list[str]] = {name: [] for name in many}
    problems: list[FieldProblem] = []
    for name, text in pairs:
        value = text.replace("\r\n", "\n").strip()
        if (message := _problem(name, value)) is not None:
            problems.append(FieldProblem(name, message))
        elif name in lists:
            lists[name].append(value)
        elif name in texts:
            problems.append(FieldProblem(name, f"was sent twice. {_RELOAD}"))
        elif name in fields or name in _ALWAYS:
            texts[name] = value
        else:
            problems.append(FieldProblem(name, f"is not a field of this form. {_RELOAD}"))
    if problems:
        raise InvalidInput(problems)
    values = {name: value for name, value in texts.items() if name not in _ALWAYS}
    return Form(values, {name: tuple(values) for name, values in lists.items()})


def _problem(name: str, value: str) -> str | None:
    """Return what is wrong with a field of any form. A reason must be one line, as the audit log shows it."""
    if "\0" in value:
        return "contains a NUL character. Remove it."
    if name == REASON and len(value) > REASON_MAX:
        return f"is longer than {REASON_MAX} characters. Shorten it."
    if name == REASON and any(unicodedata.category(letter) == "Cc" for letter in value):
        return "contains a control character. Write one line of text."
    return None


def _pairs(content_type: str, body: bytes, max_bytes: int) -> list[tuple[str, str]]:
    if not body:
        return []
    if content_type.partition(";")[0].strip().lower() != _TYPE:
        raise InvalidInput.of("Content-Type", f"must be {_TYPE}")
    if len(body) > max_bytes:
        raise InvalidInput.of("form", f"is larger than {max_bytes // 1024} KiB. Shorten it.")
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as malformed:
        raise InvalidInput.of("form", f"cannot be read. {_RELOAD}") from malformed
