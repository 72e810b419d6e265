"""The group of commands. It imports a command only to run it, and prints errors without a traceback."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from breakwater.core.distribution import install_hint, installed_version
from breakwater.core.domain.errors import BreakwaterError
from breakwater.web.cli.errors import CommandRefusedError
from breakwater.web.serve.signals import exit_on_sigterm


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command in the list of commands: its module and its summary."""

    module: str
    summary: str
    """The first line of the command's own help. It is repeated here so that the list imports no command."""
    runs_service: bool = False
    """SIGTERM ends such a command from its first moment, also as PID 1 of a container."""


class LazyGroup(click.Group):
    """Loads each command as the attribute `command` of its module, so that no command waits for another's imports."""

    def __init__(self, *, entries: Mapping[str, CommandEntry], **settings: Any) -> None:
        super().__init__(**settings)
        self.entries = entries
        self.params.append(_version_option())

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which a new user needs them."""
        return list(self.entries)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Return the command, or None for an unknown name."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        if entry.runs_service:
            exit_on_sigterm()
        try:
            command: click.Command = import_module(entry.module).command
        except ModuleNotFoundError as error:
            raise CommandRefusedError(install_hint(f"breakwater {cmd_name}", error)) from error
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A `BreakwaterError` becomes one line on stderr and exit code 2."""
        try:
            return super().invoke(ctx)
        except BreakwaterError as error:
            raise CommandRefusedError(str(error)) from None


def run_by_default(ctx: click.Context, command: click.Command) -> None:
    """Run a subcommand that was not named, with its environment variables applied."""
    with command.make_context(command.name, [], parent=ctx) as command_ctx:
        command.invoke(command_ctx)


def _version_option() -> click.Option:
    def show(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
        if value:
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
    return installed_version() or "(not installed)"
