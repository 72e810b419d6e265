"""Reading forms, strictly: what a browser sends for our own forms, and nothing else."""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request

from breakwater.core.domain.errors import FieldProblem, InvalidInput

MOST_BYTES: Final = 64 * 1024
MOST_FIELDS: Final = 200
REASON: Final = "reason"
REASON_MAX: Final = 500
"""Characters of a reason: as many as the API takes."""
_TYPE: Final = "application/x-www-form-urlencoded"
_ALWAYS: Final = frozenset({"_csrf"})
_RELOAD: Final = "reload the page and send the form again"


@dataclass(frozen=True, slots=True)
class Form(Mapping[str, str]):
    """A form's fields. Texts are stripped; a field that was not sent is missing, not empty."""

    fields: dict[str, str] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of fields that may come several times, as groups of checkboxes do."""

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    def __iter__(self) -> Any:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def text(self, name: str) -> str | None:
        """Return the field, or None when it was not sent or is empty."""
        return self.fields.get(name) or None


async def read_form(
    request: Request[Any, Any, Any],
    fields: Collection[str] = (),
    *,
    many: Collection[str] = (),
    most_bytes: int = MOST_BYTES,
) -> Form:
    """Return the posted form. Only `fields`, each at most once, and `many` are taken.

    Raises `InvalidInput` for another content type, more than `most_bytes` or 200 fields, text that is not UTF-8, NUL, a
    reason that is no line of text, and fields that are unknown or repeated.
    """
    pairs = _pairs(request.headers.get("content-type", ""), await request.body(), most_bytes)
    texts: dict[str, str] = {}
    lists: dict[str, list[str]] = {name: [] for name in many}
    problems: list[FieldProblem] = []
    for name, sent in pairs:
        value = sent.replace("\r\n", "\n").strip()
        if (unfit := _unfit(name, value)) is not None:
            problems.append(FieldProblem(name, unfit))
        elif name in lists:
            lists[name].append(value)
        elif name in texts:
            problems.append(FieldProblem(name, f"was sent twice: {_RELOAD}"))
        elif name in fields or name in _ALWAYS:
            texts[name] = value
        else:
            problems.append(FieldProblem(name, f"is not a field of this form: {_RELOAD}"))
    if problems:
        raise InvalidInput(problems)
    kept = {name: value for name, value in texts.items() if name not in _ALWAYS}
    return Form(kept, {name: tuple(values) for name, values in lists.items()})


def _unfit(name: str, value: str) -> str | None:
    """Return what is wrong with a field, whatever the form. A reason stays in the audit: it is one line of text."""
    if "\0" in value:
        return "contains a NUL character: remove it"
    if name == REASON and len(value) > REASON_MAX:
        return f"is longer than {REASON_MAX} characters: shorten it"
    if name == REASON and any(unicodedata.category(letter) == "Cc" for letter in value):
        return "has a control character: write one line of text"
    return None


def _pairs(content_type: str, body: bytes, most_bytes: int) -> list[tuple[str, str]]:
    if not body:
        return []
    if content_type.partition(";")[0].strip().lower() != _TYPE:
        raise InvalidInput.of("Content-Type", f"must be {_TYPE}")
    if len(body) > most_bytes:
        raise InvalidInput.of("form", f"is larger than {most_bytes // 1024} KiB: shorten it")
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as malformed:
        raise InvalidInput.of("form", f"cannot be read: {_RELOAD}") from malformed
