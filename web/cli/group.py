"""The group of commands: each is imported when asked for, and an error is a sentence, not a traceback."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from breakwater.core.domain.errors import BreakwaterError
from breakwater.web.serve.signals import exit_on_sigterm

MISUSED = 2
"""Exit code of a start that is refused, and of input that cannot be accepted."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a command is, and what the list of commands says of it."""

    module: str
    summary: str
    """The first line of its own help: a list that asked each command for it would import them all."""
    serves: bool = False
    """It runs the service: SIGTERM ends it from the first moment, as PID 1 of a container too."""


class Breakwater(click.Group):
    """Finds a command as the attribute `command` of its module: none waits for the imports of another."""

    def __init__(self, *, commands_in: Mapping[str, Found], **settings: Any) -> None:
        super().__init__(**settings)
        self._found = commands_in
        self.params.append(_version_option())

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which a newcomer needs them."""
        return list(self._found)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the commands, none of them imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.summary) for name, found in self._found.items()])

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Return the command, or None when there is no such name."""
        found = self._found.get(cmd_name)
        if found is None:
            return None
        if found.serves:
            exit_on_sigterm()
        command: click.Command = import_module(found.module).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what Breakwater refuses becomes one line on stderr and exit code 2."""
        try:
            return super().invoke(ctx)
        except BreakwaterError as refused:
            raise Refused(str(refused)) from None


def run_by_default(ctx: click.Context, command: click.Command) -> None:
    """Run a subcommand that was not named, its environment variables read as if it had been."""
    with command.make_context(command.name, [], parent=ctx) as own:
        command.invoke(own)


class Refused(click.ClickException):
    """Told in one sentence, exit code 2."""

    exit_code = MISUSED

    def show(self, file: Any = None) -> None:
        """Print the sentence to stderr."""
        click.echo(f"breakwater: {self.format_message()}", err=True, file=file)


def _version_option() -> click.Option:
    def show(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
        if asked:
            click.echo(f"breakwater {_version()}")
            ctx.exit()

    return click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=show,
        help="Show the version.",
    )


def _version() -> str:
    try:
        return version("breakwater-webhooks")
    except PackageNotFoundError:
        return "(not installed)"
