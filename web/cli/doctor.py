"""`breakwater doctor`: tells whether everything is as it should be."""

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
    """Check settings, database, disk, the running service and the key; say what to do about each problem.

    Reads the same variables as `serve`, and BREAKWATER_URL and BREAKWATER_KEY. Exit code 1 if something is wrong.
    """
    url = os.environ.get("BREAKWATER_URL", DEFAULT_SERVICE).rstrip("/")
    wrong = False
    console = show.console()
    for finding in examine(settings_from({}), os.environ, url, os.environ.get("BREAKWATER_KEY")):
        mark, colour = _MARKS[finding.grade]
        words = f" {finding.subject:<9} {clean_text(finding.sentence)}"
        console.print(Text(f"{mark:<2}", style=colour) + Text(words))
        wrong = wrong or finding.grade is Grade.BAD
    if wrong:
        raise click.exceptions.Exit(1)
