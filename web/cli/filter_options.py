"""The options that select deliveries, shared by `deliveries` and `replays start`."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from breakwater.core.text.outcomes import class_list
from breakwater.core.text.statuses import STATUS_LIST

Function = TypeVar("Function", bound=Callable[..., Any])

_PREFIX: Final = "filter_"
_HELP: Final = {
    "status": f"{STATUS_LIST}; separate several by commas.",
    "endpoint": "Endpoint id.",
    "event_type": "Event type.",
    "class": f"Failure class of the latest attempt: {class_list()}.",
    "error": "Latest error; … matches any text.",
    "since": "Accepted at or after this time, such as 2026-11-22T03:00:00Z, or 2h for the last two hours.",
    "until": "Accepted before this time.",
    "q": "An id, an idempotency key, or text in the event type, error or payload.",
}


def filter_options(function: Function) -> Function:
    """Add one option for each filter of the API's list of deliveries."""
    for name, text in reversed(_HELP.items()):
        function = click.option(f"--{name.replace('_', '-')}", f"{_PREFIX}{name}", help=text)(function)
    return function


def filters_of(options: dict[str, str | None]) -> dict[str, str]:
    """Return the filters that are set, by the names of the API."""
    return {name.removeprefix(_PREFIX): value for name, value in options.items() if value}
