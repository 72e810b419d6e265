"""`breakwater people`: let an administrator in again while the service is stopped."""

import asyncio

import click

from breakwater.web.cli.actor import local_actor
from breakwater.web.cli.options import settings_from


@click.group("people")
def command() -> None:
    """Make a sign-in link for an administrator of a stopped service."""


@command.command("invite")
@click.argument("name", default="admin")
@click.option(
    "--database-url",
    metavar="TEXT",
    help="Database of the service.  [BREAKWATER_DATABASE_URL; breakwater.db]",
)
def _invite(name: str, database_url: str | None) -> None:
    """Print a link with which the administrator NAME (default: admin) sets a new password.

    Stop the service first, start it again, and open the link within ten minutes. It works once. An administrator who
    can sign in invites people on the page Settings instead.
    """
    settings = settings_from({"database_url": database_url})
    if settings.database_url.endswith(":memory:"):
        raise click.UsageError("A database in memory has no stored people. Set BREAKWATER_DATABASE_URL.")
    from breakwater.core.accounts.recovery import invite_administrator  # noqa: PLC0415 - help needs no database

    click.echo(asyncio.run(invite_administrator(settings, name, actor=local_actor())))
    click.echo("Start the service and open the link within ten minutes. It works once.", err=True)
