"""An endpoint's fields as callers write them, checked and turned into columns; all problems are told at once."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from breakwater.core.domain.bounds import number, whole_number
from breakwater.core.domain.circuit import SERVICE_CIRCUIT, CircuitBreakerConfig
from breakwater.core.domain.errors import FieldProblem, InvalidInput, TargetRefused
from breakwater.core.domain.event_type import event_type_problems
from breakwater.core.domain.retry import SERVICE_SCHEDULE, RetryPolicy
from breakwater.core.domain.signing_secrets import check_secret
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.domain.target import AllowedNetworks, parse_endpoint_url, parse_target
from breakwater.core.endpoints.headers import header_columns, parse_headers, parse_public_headers

Columns = dict[str, Any]

NAME_MAX: Final = 120
DESCRIPTION_MAX: Final = 2_000
EVENT_TYPES_MAX: Final = 200
SECRET_MAX: Final = 256
TIMEOUT_MAX: Final = 300.0
IN_FLIGHT_MAX: Final = 10_000
RATE_MAX: Final = 10_000.0
RATE_MIN: Final = 0.01
TIMEOUT_MIN: Final = 0.1

_UNWRITABLE: Final = frozenset({"Cc", "Cs"})
"""Unicode's controls and lone surrogates: no database, header or page does anything good with them."""

FIXED: Final = {
    "id": "is set by Breakwater",
    "state": "is changed by pause and resume",
    "state_reason": "is changed by pause and resume",
    "created_at": "is set by Breakwater",
    "updated_at": "is set by Breakwater",
    "adhoc": "is set by Breakwater",
}
"""Fields that are shown, and cannot be written."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What applies where a caller says nothing, and what the operator allows."""

    allowed: AllowedNetworks
    timeout_seconds: float
    max_in_flight: int


Parser = Callable[[Any, Rules, Mapping[str, Any]], Columns]
"""Takes a field's value (never None), the rules and the columns so far; raises InvalidInput."""


def prefixed_columns(
    given: Mapping[str, object], rules: Rules, current: Mapping[str, Any] | None = None
) -> Columns:
    """Return the columns that `given` asks for; on top of `current`, or of the defaults for a new endpoint.

    None means the default. `secret` and `headers`, here and in `current`, are in clear. Raises InvalidInput with every
    problem, unknown fields among them.
    """
    columns = default_columns(rules) if current is None else {}
    problems: list[FieldProblem] = []
    if given.get("url", current) is None:
        problems.append(FieldProblem("url", "is missing. Enter the URL that webhooks are sent to"))
    for name, value in given.items():
        try:
            columns |= _column(name, value, rules, current or {})
        except InvalidInput as invalid:
            problems += invalid.problems
    problems += _secret_problems(columns, current)
    if columns.keys() & {"headers", "public_headers"} and not any(
        problem.field.startswith("headers") for problem in problems
    ):
        try:
            columns |= header_columns(given, columns, current or {})
        except InvalidInput as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidInput(problems)
    return columns


def _secret_problems(columns: Columns, current: Mapping[str, Any] | None) -> list[FieldProblem]:
    """Return what is wrong where the secret does not serve the signature, whichever of the two changes."""
    kept = (current or {}).get("secret")
    secret = columns.get("secret") or kept
    if secret is None or not columns.keys() & {"secret", "signature"}:
        return []
    scheme = SignatureScheme(columns.get("signature") or (current or {})["signature"])
    try:
        check_secret(scheme, secret)
    except InvalidInput as invalid:
        if secret is kept:
            return [FieldProblem("secret", f"is needed with it: {scheme} cannot sign with the one there is")]
        return list(invalid.problems)
    return []


def default_columns(rules: Rules) -> Columns:
    """Return what an endpoint has that says nothing. Empty retry and circuit columns mean the service's."""
    return {
        "name": "",
        "description": "",
        "event_types": [],
        "timeout_seconds": rules.timeout_seconds,
        "retry_delays": [],
        "retry_jitter": SERVICE_SCHEDULE.jitter,
        "circuit": {},
        "max_in_flight": rules.max_in_flight,
        "rate_limit_per_second": None,
        "headers": {},
        "public_headers": [],
        "signature": SignatureScheme.STANDARD.value,
    }


def _column(name: str, value: object, rules: Rules, current: Mapping[str, Any]) -> Columns:
    parser = _PARSERS.get(name)
    if parser is None:
        remedy = FIXED.get(name, f"is not a field of an endpoint: choose from {', '.join(_PARSERS)}")
        raise InvalidInput.of(name, remedy)
    if value is not None:
        return parser(value, rules, current)
    defaults = default_columns(rules)
    return {column: defaults[column] for column in _COLUMNS.get(name, (name,)) if column in defaults}


def _url(value: Any, rules: Rules, current: Mapping[str, Any]) -> Columns:
    if not isinstance(value, str):
        raise TargetRefused.of("url", "must be text, such as https://hooks.example.com/path")
    # A form sends every field: an endpoint whose URL stays as it is can still be edited.
    unchanged = value == current.get("url")
    return {"url": (parse_target if unchanged else parse_endpoint_url)(value, rules.allowed).url}


def _name(value: Any, _rules: Rules, _current: Mapping[str, Any]) -> Columns:
    return {"name": _line("name", value, NAME_MAX).strip()}


def _description(value: Any, _rules: Rules, _current: Mapping[str, Any]) -> Columns:
    return {"description": _text("description", value, DESCRIPTION_MAX).strip()}


def _event_types(value: Any, _rules: Rules, _current: Mapping[str, Any]) -> Columns:
    if not isinstance(value, list | tuple) or len(value) > EVENT_TYPES_MAX:
        raise InvalidInput.of(
            "event_types", f"must be a list of at most {EVENT_TYPES_MAX}; empty means every type"
        )
    problems = [
        problem
        for place, item in enumerate(value)
        for problem in event_type_problems(f"event_types.{place}", item)
    ]
    if problems:
        raise InvalidInput(problems)
    return {"event_types": list(dict.fromkeys(value))}


def _timeout(value: Any, _rules: Rules, _current: Mapping[str, Any]) -> Columns:
    _raise(number("timeout_seconds", value, TIMEOUT_MIN, TIMEOUT_MAX))
    return {"timeout_seconds": float(value)}


def _retry(value: Any, _rules: Rules, current: Mapping[str, Any]) -> Columns:
    given = _object("retry", value, ("delays", "jitter"))
    delays = given.get("delays", current.get("retry_delays") or None)
    jitter = given.get("jitter", current.get("retry_jitter"))
    try:
        policy = RetryPolicy.of(
            SERVICE_SCHEDULE.delays if delays is None else delays,
            SERVICE_SCHEDULE.jitter if jitter is None else jitter,
        )
    except InvalidInput as invalid:
        raise invalid.under("retry") from None
    # An empty column follows the service's schedule, should a later version change it.
    own = [] if delays is None else list(policy.delays)
    return {"retry_delays": own, "retry_jitter": float(policy.jitter)}


def _circuit(value: Any, _rules: Rules, current: Mapping[str, Any]) -> Columns:
    names = tuple(field.name for field in fields(CircuitBreakerConfig))
    given = _object("circuit", value, names)
    service = asdict(SERVICE_CIRCUIT)
    merged = {**service, **(current.get("circuit") or {}), **given}
    # None takes a field back to the service's value, except where None itself is a meaning of the field.
    optional = {"failure_rate_threshold", "max_timeout_seconds"}
    merged |= {name: service[name] for name in given if given[name] is None and name not in optional}
    try:
        config = CircuitBreakerConfig(**merged)
    except InvalidInput as invalid:
        raise invalid.under("circuit") from None
    return {"circuit": asdict(config)}


def _max_in_flight(value: Any, _rules: Rules, _current: Mapping[str, Any]) -> Columns:
    _raise(whole_number("max_in_flight", value, 1, IN_FLIGHT_MAX))
    return {"max_in_flight": value}


def _rate(value: Any, _rules: Rules, _current: Mapping[str, Any]) -> Columns:
    _raise(number("rate_limit_per_second", value, RATE_MIN, RATE_MAX))
    return {"rate_limit_per_second": float(value)}


def _headers(value: Any, _rules: Rules, current: Mapping[str, Any]) -> Columns:
    return {"headers": parse_headers(value, current.get("headers") or {})}


def _public_headers(value: Any, _rules: Rules, _current: Mapping[str, Any]) -> Columns:
    return {"public_headers": parse_public_headers(value)}


def _signature(value: Any, _rules: Rules, _current: Mapping[str, Any]) -> Columns:
    if not isinstance(value, str) or value not in set(SignatureScheme):
        raise InvalidInput.of("signature", f"must be one of {', '.join(SignatureScheme)}")
    return {"signature": value}


def _secret(value: Any, _rules: Rules, _current: Mapping[str, Any]) -> Columns:
    secret = _line("secret", value, SECRET_MAX)
    if not secret:
        raise InvalidInput.of("secret", "is empty; enter a secret, or leave the field out")
    return {"secret": secret}


_PARSERS: Final[dict[str, Parser]] = {
    "url": _url,
    "name": _name,
    "description": _description,
    "event_types": _event_types,
    "timeout_seconds": _timeout,
    "retry": _retry,
    "circuit": _circuit,
    "max_in_flight": _max_in_flight,
    "rate_limit_per_second": _rate,
    "headers": _headers,
    "public_headers": _public_headers,
    "signature": _signature,
    "secret": _secret,
}
_COLUMNS: Final = {"retry": ("retry_delays", "retry_jitter")}
"""The columns of a field that is not a column of its own name."""


def _raise(problems: list[FieldProblem]) -> None:
    if problems:
        raise InvalidInput(problems)


def _object(field: str, value: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput.of(field, f"must be an object with any of {', '.join(names)}")
    _raise(
        [
            FieldProblem(f"{field}.{name}", f"is unknown: choose from {', '.join(names)}")
            for name in value
            if name not in names
        ]
    )
    return value


def _text(field: str, value: Any, most: int, *, lines: bool = True) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise InvalidInput.of(field, f"must be text of at most {most:,} characters")
    allowed = "\n\t" if lines else ""
    if any(unicodedata.category(letter) in _UNWRITABLE and letter not in allowed for letter in value):
        raise InvalidInput.of(field, "has a control character: remove it")
    return value


def _line(field: str, value: Any, most: int) -> str:
    return _text(field, value, most, lines=False)
