"""Errors of the command line: one sentence on stderr, and an exit code."""

from typing import Any, Final

import click

FAILED: Final = 1
"""Exit code of a command that failed, such as a request that the service refused."""
REFUSED: Final = 2
"""Exit code of a start that is refused and of invalid input, as click uses it for wrong usage."""


class CommandError(click.ClickException):
    """Ends a command with one sentence."""

    exit_code = FAILED

    def show(self, file: Any = None) -> None:
        """Print the sentence to stderr."""
        click.echo(f"breakwater: {self.format_message()}", err=True, file=file)


class CommandRefusedError(CommandError):
    """Ends a command that the service or its settings do not allow to start."""

    exit_code = REFUSED
