"""Validate the fields of an endpoint and convert them to columns. All problems are reported together."""

import unicodedata
from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass
from typing import Any, Final, assert_never

from breakwater.core.domain.bounds import Number, WholeNumber
from breakwater.core.domain.circuit import SERVICE_CIRCUIT, CircuitBreakerConfig
from breakwater.core.domain.endpoint_fields import (
    ENDPOINT_FIELDS,
    GROUPS,
    Choice,
    Delays,
    EndpointField,
    EventTypes,
    FromSetting,
    HeaderNames,
    Headers,
    Required,
    Secret,
    Text,
    Url,
)
from breakwater.core.domain.errors import FieldProblem, InvalidInput, TargetRefused
from breakwater.core.domain.event_type import event_type_problems
from breakwater.core.domain.retry import SERVICE_SCHEDULE, RetryPolicy
from breakwater.core.domain.signing_secrets import check_secret
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.domain.target import AllowedNetworks, parse_endpoint_url, parse_target
from breakwater.core.endpoints.headers import header_columns, parse_headers, parse_public_headers

Columns = dict[str, Any]

READ_ONLY: Final = {
    "id": "is set by Breakwater",
    "state": "is changed by pause and resume",
    "state_reason": "is changed by pause and resume",
    "created_at": "is set by Breakwater",
    "updated_at": "is set by Breakwater",
    "adhoc": "is set by Breakwater",
}
"""Fields that responses contain and callers cannot set."""

_PLAIN: Final = {field.name: field for field in ENDPOINT_FIELDS if not field.group}
_GROUPED: Final = {
    group: {field.name.removeprefix(f"{group}."): field for field in ENDPOINT_FIELDS if field.group == group}
    for group in GROUPS
}
_GROUP_DEFAULTS: Final[Mapping[str, Columns]] = {
    "retry": {"retry_delays": [], "retry_jitter": SERVICE_SCHEDULE.jitter},
    "circuit": {"circuit": {}},
}
"""Columns of a group. Empty ones follow the service, should a later version change its defaults."""
_NAMES: Final = tuple(dict.fromkeys(field.group or field.name for field in ENDPOINT_FIELDS))
_UNSTORABLE: Final = frozenset({"Cc", "Cs"})
"""Control characters and lone surrogates: databases, headers and pages cannot represent them safely."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The defaults that settings decide, by the names of the settings, and the addresses that the operator allows."""

    allowed: AllowedNetworks
    attempt_timeout_seconds: float
    lane_max_in_flight: int


def parse_fields(
    fields: Mapping[str, object], rules: Rules, current: Mapping[str, Any] | None = None
) -> Columns:
    """Return the columns for `fields`: only these when there is a `current` endpoint, else with all defaults.

    None resets a field to its default. `secret` and `headers`, here and in `current`, are in clear. Raises InvalidInput
    with every problem, unknown fields among them.
    """
    columns = default_columns(rules) if current is None else {}
    problems: list[FieldProblem] = []
    if fields.get("url", current) is None:
        problems.append(FieldProblem("url", "is missing. Enter the URL that webhooks are sent to"))
    for name, value in fields.items():
        try:
            columns |= _parse_field(name, value, rules, current or {})
        except InvalidInput as invalid:
            problems += invalid.problems
    problems += _secret_problems(columns, current)
    if columns.keys() & {"headers", "public_headers"} and not any(
        problem.field.startswith("headers") for problem in problems
    ):
        try:
            columns |= header_columns(fields, columns, current or {})
        except InvalidInput as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidInput(problems)
    return columns


def default_columns(rules: Rules) -> Columns:
    """Return the columns of an endpoint without fields."""
    columns = {
        name: _default(field, rules)
        for name, field in _PLAIN.items()
        if not field.is_write_only and field.default is not Required.REQUIRED
    }
    return columns | _GROUP_DEFAULTS["retry"] | _GROUP_DEFAULTS["circuit"]


def _default(field: EndpointField, rules: Rules) -> object:
    default = field.default
    if isinstance(default, FromSetting):
        return getattr(rules, default.name)
    return copy(list(default) if isinstance(default, tuple) else default)


def _secret_problems(columns: Columns, current: Mapping[str, Any] | None) -> list[FieldProblem]:
    """Return the problem of a secret that the signature cannot use, whichever of the two changes."""
    stored = (current or {}).get("secret")
    secret = columns.get("secret") or stored
    if secret is None or not columns.keys() & {"secret", "signature"}:
        return []
    scheme = SignatureScheme(columns.get("signature") or (current or {})["signature"])
    try:
        check_secret(scheme, secret)
    except InvalidInput as invalid:
        if secret is stored:
            return [FieldProblem("secret", f"is needed with it: {scheme} cannot sign with the stored one")]
        return list(invalid.problems)
    return []


def _parse_field(name: str, value: object, rules: Rules, current: Mapping[str, Any]) -> Columns:
    if name in GROUPS:
        if value is None:
            return dict(_GROUP_DEFAULTS[name])
        return _parse_retry(value, current) if name == "retry" else _parse_circuit(value, current)
    field = _PLAIN.get(name)
    if field is None:
        remedy = READ_ONLY.get(name, f"is not a field of an endpoint: choose from {', '.join(_NAMES)}")
        raise InvalidInput.of(name, remedy)
    if value is not None:
        return {name: _parse_value(field, value, rules, current)}
    has_default = not field.is_write_only and field.default is not Required.REQUIRED
    return {name: _default(field, rules)} if has_default else {}


def _parse_value(  # noqa: C901, PLR0911 - one branch per kind
    field: EndpointField, value: Any, rules: Rules, current: Mapping[str, Any]
) -> object:
    """Return the value of a field as it is stored, or in clear if it will be sealed. Raises InvalidInput."""
    match field.kind:
        case WholeNumber() | Number() as bounds:
            _raise(bounds.problems(field.name, value))
            return float(value) if isinstance(bounds, Number) else value
        case Text(max_length, multiline):
            return _parse_text(field.name, value, max_length, multiline=multiline).strip()
        case Url():
            return _parse_url(field.name, value, rules, current)
        case Choice(values):
            if not isinstance(value, str) or value not in set(values):
                raise InvalidInput.of(field.name, f"must be one of {', '.join(values)}")
            return value
        case EventTypes(max_items):
            return _parse_event_types(field.name, value, max_items)
        case Headers():
            return parse_headers(value, current.get(field.name) or {})
        case HeaderNames():
            return parse_public_headers(value)
        case Secret(max_length):
            return _parse_secret(field.name, value, max_length)
        case Delays():
            raise TypeError("delays belong to the group that has their jitter")
        case _:
            assert_never(field.kind)


def _parse_secret(name: str, value: Any, max_length: int) -> str:
    if value == "":
        raise InvalidInput.of(name, "is empty; enter a secret, or leave the field out")
    return _parse_text(name, value, max_length, multiline=False)


def _parse_url(name: str, value: Any, rules: Rules, current: Mapping[str, Any]) -> str:
    if not isinstance(value, str):
        raise TargetRefused.of(name, "must be text, such as https://hooks.example.com/path")
    # A form sends every field: an endpoint whose URL stays as it is can still be edited.
    unchanged = value == current.get(name)
    return (parse_target if unchanged else parse_endpoint_url)(value, rules.allowed).url


def _parse_event_types(name: str, value: Any, max_items: int) -> list[str]:
    if not isinstance(value, list | tuple) or len(value) > max_items:
        raise InvalidInput.of(name, f"must be a list of at most {max_items}; empty means every type")
    _raise(
        [
            problem
            for position, item in enumerate(value)
            for problem in event_type_problems(f"{name}.{position}", item)
        ]
    )
    return list(dict.fromkeys(value))


def _parse_retry(value: Any, current: Mapping[str, Any]) -> Columns:
    fields = _parse_group("retry", value)
    delays = fields.get("delays", current.get("retry_delays") or None)
    jitter = fields.get("jitter", current.get("retry_jitter"))
    try:
        policy = RetryPolicy.of(
            SERVICE_SCHEDULE.delays if delays is None else delays,
            SERVICE_SCHEDULE.jitter if jitter is None else jitter,
        )
    except InvalidInput as invalid:
        raise invalid.under("retry") from None
    stored_delays = [] if delays is None else list(policy.delays)
    return {"retry_delays": stored_delays, "retry_jitter": float(policy.jitter)}


def _parse_circuit(value: Any, current: Mapping[str, Any]) -> Columns:
    fields = dict(_parse_group("circuit", value))
    service = asdict(SERVICE_CIRCUIT)
    for name, field_value in fields.items():
        if field_value is None and not _GROUPED["circuit"][name].nullable:
            fields[name] = service[name]
    try:
        config = CircuitBreakerConfig(**{**service, **(current.get("circuit") or {}), **fields})
    except InvalidInput as invalid:
        raise invalid.under("circuit") from None
    return {"circuit": asdict(config)}


def _parse_group(group: str, value: Any) -> Mapping[str, Any]:
    names = ", ".join(_GROUPED[group])
    if not isinstance(value, Mapping):
        raise InvalidInput.of(group, f"must be an object with any of {names}")
    _raise(
        [
            FieldProblem(f"{group}.{name}", f"is unknown: choose from {names}")
            for name in value
            if name not in _GROUPED[group]
        ]
    )
    return value


def _parse_text(name: str, value: Any, max_length: int, *, multiline: bool) -> str:
    if not isinstance(value, str) or len(value) > max_length:
        raise InvalidInput.of(name, f"must be text of at most {max_length:,} characters")
    allowed = "\n\t" if multiline else ""
    if any(unicodedata.category(letter) in _UNSTORABLE and letter not in allowed for letter in value):
        raise InvalidInput.of(name, "has a control character: remove it")
    return value


def _raise(problems: list[FieldProblem]) -> None:
    if problems:
        raise InvalidInput(problems)
