"""The form of an endpoint: settings as text, text as settings, and problems per field."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, assert_never

from breakwater.core.domain.bounds import Number, WholeNumber
from breakwater.core.domain.endpoint_fields import (
    ENDPOINT_FIELDS,
    Choice,
    Delays,
    EndpointField,
    EventTypes,
    FromSetting,
    HeaderNames,
    Headers,
    Kind,
    Required,
    Secret,
    Section,
    Text,
    Url,
)
from breakwater.core.domain.errors import FieldProblem, InvalidInput
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.core.settings import Settings
from breakwater.core.text.credentials import MASK
from breakwater.web.pages.forms import Form

FIELDS: Final = {declared.name: declared for declared in ENDPOINT_FIELDS}

_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|min|h|d)?")
_SECONDS: Final = {"ms": 0.001, None: 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"))


@dataclass(frozen=True, slots=True)
class EndpointForm:
    """The text and the problems of each field."""

    values: dict[str, str]
    problems: dict[str, list[str]] = field(default_factory=dict)

    def with_problems(self, reported: Iterable[FieldProblem]) -> "EndpointForm":
        """Return the form with each problem at its field: `retry.delays.2` belongs to `retry.delays`."""
        problems: dict[str, list[str]] = {}
        for problem in reported:
            owner = max((name for name in FIELDS if _owns(name, problem.field)), key=len, default="")
            position = problem.field.removeprefix(owner).strip(".")
            problems.setdefault(owner, []).append(
                f"{position}: {problem.message}" if position else problem.message
            )
        return EndpointForm(self.values, problems)


def _owns(name: str, problem_field: str) -> bool:
    return problem_field == name or problem_field.startswith(f"{name}.")


# --- inputs


class Widget(StrEnum):
    """How a field is entered."""

    LINE = "line"
    AREA = "area"
    CHOICE = "choice"


def form_sections(
    fields: Iterable[EndpointField] = ENDPOINT_FIELDS,
) -> list[tuple[Section, list[EndpointField]]]:
    """Return the sections of the form with their fields."""
    sections: dict[Section, list[EndpointField]] = {}
    for declared in fields:
        sections.setdefault(declared.section, []).append(declared)
    return list(sections.items())


def widget_of(kind: Kind) -> Widget:
    """Return how a value of this kind is entered."""
    match kind:
        case Text(multiline=True) | EventTypes() | Headers() | HeaderNames():
            return Widget.AREA
        case Choice():
            return Widget.CHOICE
        case WholeNumber() | Number() | Text() | Url() | Delays() | Secret():
            return Widget.LINE
        case _:
            assert_never(kind)


def input_mode(kind: Kind) -> str:
    """Return the keyboard that a phone shows."""
    match kind:
        case WholeNumber():
            return "numeric"
        case Number():
            return "decimal"
        case Url():
            return "url"
        case Text() | Choice() | EventTypes() | Delays() | Headers() | HeaderNames() | Secret():
            return "text"
        case _:
            assert_never(kind)


# --- settings as text


def blank(settings: Settings) -> EndpointForm:
    """Return the form of a new endpoint, with the defaults of the service."""
    return EndpointForm({name: _default_text(declared, settings) for name, declared in FIELDS.items()})


def of_endpoint(view: EndpointView) -> EndpointForm:
    """Return the form of an existing endpoint."""
    return EndpointForm({name: _text(declared.kind, _value(view, name)) for name, declared in FIELDS.items()})


def _default_text(declared: EndpointField, settings: Settings) -> str:
    default = declared.default
    if default is Required.REQUIRED:
        return ""
    return _text(
        declared.kind, getattr(settings, default.name) if isinstance(default, FromSetting) else default
    )


def _value(view: EndpointView, name: str) -> Any:
    """Return a field of an endpoint; None for one that is never shown."""
    group, _, inner = name.partition(".")
    match group:
        case "retry":
            return getattr(view, f"retry_{inner}")
        case "circuit":
            return getattr(view.circuit, inner)
        case _:
            return None if FIELDS[name].is_write_only else getattr(view, name)


def _text(kind: Kind, value: Any) -> str:
    match kind:
        case WholeNumber() | Number():
            return _number(value)
        case Text() | Url() | Choice():
            return str(value)
        case EventTypes() | HeaderNames():
            return "\n".join(value)
        case Headers():
            return "\n".join(f"{name}: {text}" for name, text in value.items())
        case Delays():
            return delays_text(value)
        case Secret():
            return ""
        case _:
            assert_never(kind)


def of_form(form: Form) -> EndpointForm:
    """Return the submitted form, to be shown again. A secret is not shown again."""
    return EndpointForm({name: form.get(name, "") for name in FIELDS} | {"secret": ""})


def for_new_endpoint(form: Form) -> EndpointForm:
    """Return the submitted form of a deleted endpoint as the form of a new one.

    Secret values were never on the page or are not shown again. Their fields ask for them.
    """
    missing = []
    if any(line.partition(":")[2].strip() == MASK for line in form.get("headers", "").splitlines()):
        missing.append(
            FieldProblem(
                "headers", f"Values shown as {MASK} were deleted with the endpoint. Type them again."
            )
        )
    if form.get("secret"):
        missing.append(
            FieldProblem(
                "secret", "The secret is not shown again. Type it again, or leave it empty for a new one."
            )
        )
    return of_form(form).with_problems(missing)


def delays_text(delays: Iterable[float]) -> str:
    """Return a retry schedule as text: `1s 2s 4s 30s 5m 2h`."""
    return " ".join(map(_duration_text, delays))


def _duration_text(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{_number(seconds)}s"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


# --- text as settings


def changed_fields(form: Form, original: EndpointForm) -> dict[str, object]:
    """Return the settings, as the API names them, whose text differs from the `original` form.

    Unchanged fields are left out, so that they keep following the defaults of the service. Raises InvalidInput for an
    invalid list of delays or headers; the endpoint service validates everything else.
    """
    changed = [name for name in FIELDS if name in form and form[name] != original.values[name].strip()]
    settings: dict[str, object] = {}
    problems: list[FieldProblem] = []
    for name in changed:
        try:
            _put(settings, name, form)
        except InvalidInput as invalid:
            problems += invalid.problems
    if problems:
        raise UnreadableFields(problems, settings)
    return settings


class UnreadableFields(InvalidInput):
    """Some fields of the form cannot be read. The others can still be validated, so that all problems show together."""

    def __init__(self, problems: Iterable[FieldProblem], readable: dict[str, object]) -> None:
        super().__init__(problems)
        self.readable = readable


def _put(settings: dict[str, object], name: str, form: Form) -> None:
    value = _parsed(FIELDS[name].kind, form[name])
    group, _, inner = name.partition(".")
    if inner:
        nested = settings.setdefault(group, {})
        if isinstance(nested, dict):
            nested[inner] = value
    else:
        settings[name] = value


def _parsed(kind: Kind, text: str) -> object:
    """Return the value that the API takes. Raises InvalidInput for an invalid list of delays or headers."""
    match kind:
        case WholeNumber() | Number():
            return _parsed_number(text)
        case EventTypes() | HeaderNames():
            return re.split(r"[\s,]+", text) if text else []
        case Headers():
            return parse_headers(text)
        case Delays():
            return parse_delays(text)
        case Text() | Url() | Choice() | Secret():
            return text or None
        case _:
            assert_never(kind)


def _parsed_number(text: str) -> float | str | None:
    """Return a number; None for an empty text; the text itself if it is not a number, for validation to reject."""
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def parse_delays(text: str) -> list[float] | None:
    """Read `1s 2s 30s 5m` (a plain number means seconds); None for an empty text. Raises InvalidInput with the word."""
    delays = []
    for word in re.split(r"[\s,]+", text.strip()) if text.strip() else []:
        match = _DURATION.fullmatch(word)
        if match is None:
            raise InvalidInput.of("retry.delays", f'"{word}" isn\'t a duration. Use 30s, 5m, 2h or 1d.')
        delays.append(float(match[1]) * _SECONDS[match[2]])
    return delays or None


def parse_headers(text: str) -> Mapping[str, str]:
    """Read one `Name: value` per line. Raises InvalidInput with the line."""
    headers: dict[str, str] = {}
    for position, line in enumerate(text.splitlines(), start=1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name.strip():
            raise InvalidInput.of("headers", f"Line {position}: invalid header. Use Name: value.")
        if name.strip() in headers:
            raise InvalidInput.of(
                "headers", f"Line {position}: {name.strip()} occurs twice. Put both values in one line."
            )
        headers[name.strip()] = value.strip()
    return headers
