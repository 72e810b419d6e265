"""The flags of `breakwater serve`, generated from the settings, and option texts that several commands share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.settings import ENV_PREFIX, Settings, load_settings

REASON_HELP: Final = "Reason, recorded in the audit log."

Function = TypeVar("Function", bound=Callable[..., Any])

_METAVARS: Final[dict[object, str]] = {int: "N", float: "N", Path: "PATH", SecretStr: "SECRET", tuple: "LIST"}


def flag_of(name: str) -> str:
    """Return the flag of a setting: `drain_seconds` is `--drain-seconds`."""
    return f"--{name.replace('_', '-')}"


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{ENV_PREFIX}{name.upper()}"


def setting_flags(function: Function) -> Function:
    """Add one flag for each setting to a command. Flags that are not used are None."""
    for name, field in reversed(Settings.model_fields.items()):
        function = _option(name, field)(function)
    return function


def settings_from(flags: Mapping[str, object]) -> Settings:
    """Return the settings; a flag overrides its variable. Raises `click.UsageError` with every problem."""
    try:
        return load_settings({name: value for name, value in flags.items() if value is not None})
    except InvalidInput as invalid:
        lines = (
            f"{variable_of(problem.field)} ({flag_of(problem.field)}) {problem.message}"
            for problem in invalid.problems
        )
        raise click.UsageError("\n       ".join(lines)) from None


def default_words(field: FieldInfo) -> str:
    """Return a setting's default for the help text; empty if its description already says it."""
    value = field.get_default(call_default_factory=False)
    if value is None or field.default_factory is not None or "Default:" in (field.description or ""):
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(value) or "none" if isinstance(value, tuple) else str(value)


def _option(name: str, field: FieldInfo) -> Callable[[Function], Function]:
    flag, kinds = flag_of(name), _kinds(field.annotation)
    settings: dict[str, Any] = {"default": None, "help": _help(name, field)}
    if bool in kinds:
        return click.option(f"{flag}/--no-{flag.removeprefix('--')}", name, **settings)
    if get_origin(field.annotation) is Literal:
        return click.option(flag, name, type=click.Choice(get_args(field.annotation)), **settings)
    metavar = next((_METAVARS[kind] for kind in kinds if kind in _METAVARS), "TEXT")
    return click.option(flag, name, metavar=metavar, **settings)


def _kinds(annotation: object) -> set[object]:
    """Return the plain types in an annotation such as `int | None`."""
    members = get_args(annotation) or (annotation,)
    return {get_origin(member) or member for member in (annotation, *members)}


def _help(name: str, field: FieldInfo) -> str:
    default = default_words(field)
    return f"{field.description}  [{variable_of(name)}{f'; {default}' if default else ''}]"
