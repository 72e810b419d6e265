"""`breakwater doctor`: check an installation."""

import os
from typing import Final

import click
from rich.text import Text

from breakwater.core.logs import clean_text
from breakwater.web.cli import show
from breakwater.web.cli.client import DEFAULT_SERVICE
from breakwater.web.cli.options import settings_from
from breakwater.web.serve.doctor import Grade, examine

_MARKS: Final = {Grade.GOOD: ("ok", "green"), Grade.NOTE: ("--", "yellow"), Grade.BAD: ("!!", "red")}


@click.command("doctor")
def command() -> None:
    """Check settings, database, disk, keys and service, and name the remedy for each problem.

    Reads the variables of `serve`, BREAKWATER_URL and BREAKWATER_KEY. The exit code is 1 if there is a problem.
    """
    url = os.environ.get("BREAKWATER_URL", DEFAULT_SERVICE).rstrip("/")
    has_problem = False
    console = show.console()
    for finding in examine(settings_from({}), os.environ, url, os.environ.get("BREAKWATER_KEY")):
        mark, colour = _MARKS[finding.grade]
        text = f" {finding.subject:<9} {clean_text(finding.sentence)}"
        console.print(Text(f"{mark:<2}", style=colour) + Text(text))
        has_problem = has_problem or finding.grade is Grade.BAD
    if has_problem:
        raise click.exceptions.Exit(1)
