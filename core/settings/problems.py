"""What is wrong with the settings, in words that an operator can act on, never with a secret in them."""

from typing import Final

from pydantic_core import ErrorDetails

from breakwater.core.domain.errors import FieldProblem


class Contradiction(ValueError):  # noqa: N818 - named for what it is; pydantic wants a ValueError
    """Two settings that cannot both hold; `setting` is the one to change."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message)
        self.setting = setting


_EXPECTED: Final = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "bool": "true or false",
    "greater_than_equal": "a number of at least {ge}",
    "greater_than": "a number above {gt}",
    "less_than_equal": "a number of at most {le}",
    "literal": "{expected}",
}
"""What to write instead, by the beginning of pydantic's name for the error; the longest match is meant."""


def problem_of(error: ErrorDetails, prefix: str) -> FieldProblem:
    """Return one problem of `ValidationError.errors()`, under the setting's name without `prefix`."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Contradiction):
        return FieldProblem(cause.setting, str(cause))
    name = str(error["loc"][0]) if error["loc"] else "settings"
    return FieldProblem(name.lower().removeprefix(prefix.lower()), _message(error))


def _message(error: ErrorDetails) -> str:
    limits = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        return "is not a setting. `breakwater serve --help` lists them"
    if error["type"] == "value_error":
        return str(limits["error"])
    kinds = [kind for kind in _EXPECTED if error["type"].startswith(kind)]
    if not kinds:
        return error["msg"]
    return f"is {error['input']!r}. Use {_EXPECTED[max(kinds, key=len)].format(**limits)}"
