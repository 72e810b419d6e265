"""Custom headers as callers write them: which stored values stay, and which values are public."""

from collections.abc import Iterable, Mapping
from typing import Any

from breakwater.core.domain.errors import FieldProblem, InvalidInput
from breakwater.core.domain.target.headers import check_custom_headers, is_always_public
from breakwater.core.text.credentials import MASK, is_credential


def parse_headers(value: Any, stored: Mapping[str, str]) -> dict[str, Any]:
    """Return names and values. A masked value, as it is shown, keeps the stored one. Raises InvalidInput."""
    if not isinstance(value, Mapping):
        raise InvalidInput.of("headers", "must be an object of names and values")
    stored_values = {name.lower(): text for name, text in stored.items()}
    headers = {
        name: stored_values.get(str(name).lower(), text) if text == MASK else text
        for name, text in value.items()
    }
    if missing := [name for name, text in headers.items() if text == MASK]:
        problem = f"has no stored value that {MASK} could keep; enter a value"
        raise InvalidInput([FieldProblem(f"headers.{name}", problem) for name in missing])
    check_custom_headers(headers)
    return headers


def parse_public_headers(value: Any) -> list[str]:
    """Return the names of public headers. Raises InvalidInput."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise InvalidInput.of("public_headers", "must be a list of header names")
    return list(value)


def header_columns(
    fields: Mapping[str, object], columns: Mapping[str, Any], current: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the headers after a change, and which of them are public. `columns` are the parsed `fields`.

    Raises InvalidInput for names that are not headers or may not be public: a stored
    secret value is never shown, so making its header public needs the value again.
    """
    stored, public_before = current.get("headers", {}), _lowered(current.get("public_headers", ()))
    headers = columns.get("headers", stored)
    requested = columns.get("public_headers")
    if requested is not None:
        secrets = _lowered(stored) - public_before - _entered(fields.get("headers"))
        _check_public(requested, _lowered(headers), secrets)
    public = public_before if requested is None else _lowered(requested)
    public_names = [name for name in headers if name.lower() in public or is_always_public(name)]
    return {"headers": headers, "public_headers": public_names}


def _check_public(names: Iterable[str], headers: set[str], secrets: set[str]) -> None:
    problems = [
        FieldProblem(f"public_headers.{name}", reason)
        for name in names
        if (reason := _reason_against_public(name, headers, secrets))
    ]
    if problems:
        raise InvalidInput(problems)


def _reason_against_public(name: str, headers: set[str], secrets: set[str]) -> str:
    if name.lower() not in headers:
        return "is not one of the custom headers; add it to headers, or remove it here"
    if is_credential(name):
        return "is the name of a credential, whose value is always secret; remove it here"
    if name.lower() in secrets and not is_always_public(name):
        return "has a secret value, which is never shown; enter the value again in headers to make it public"
    return ""


def _entered(headers: object) -> set[str]:
    """Return the names of the headers whose values the caller entered."""
    if not isinstance(headers, Mapping):
        return set()
    return _lowered(name for name, value in headers.items() if value != MASK)


def _lowered(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}
