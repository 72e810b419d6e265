"""`breakwater secrets`: reset the secrets of endpoints while the service is stopped."""

import asyncio
from typing import TYPE_CHECKING

import click

from breakwater.core.settings import Settings
from breakwater.web.cli import show
from breakwater.web.cli.actor import local_actor
from breakwater.web.cli.errors import CommandError
from breakwater.web.cli.options import REASON_HELP, settings_from

if TYPE_CHECKING:
    from breakwater.core.endpoints.secret_reset import NewSecret, PlannedReset


@click.group("secrets")
def command() -> None:
    """Reset the signing secrets of a stopped service whose key is lost."""


@command.command("reset")
@click.option(
    "--unreadable",
    is_flag=True,
    help="Reset only what the present key does not open, such as damaged values.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--reason", help=REASON_HELP)
@click.option(
    "--database-url",
    metavar="TEXT",
    help="Database of the service.  [BREAKWATER_DATABASE_URL; breakwater.db]",
)
@click.option("--key-file", metavar="PATH", help="Key file of the service.  [BREAKWATER_KEY_FILE]")
def _reset(
    unreadable: bool, yes: bool, reason: str | None, database_url: str | None, key_file: str | None
) -> None:
    """Give every endpoint a new secret and print each once.

    Stop the service first. Creates the key file if it is missing. The former secrets stop to sign immediately:
    receivers reject webhooks until they have the new ones. Secret headers that the key does not open are removed, and
    their endpoints are paused. All changes are one transaction and are audited.
    """
    settings = settings_from({"database_url": database_url, "key_file": key_file})
    if settings.database_url.endswith(":memory:"):
        raise click.UsageError("A database in memory has no stored secrets. Set BREAKWATER_DATABASE_URL.")
    asyncio.run(_run(settings, only_unreadable=unreadable, confirmed=yes, reason=reason))


async def _run(settings: Settings, *, only_unreadable: bool, confirmed: bool, reason: str | None) -> None:
    from breakwater.core.endpoints.secret_reset import open_secret_reset, plan_reset  # noqa: PLC0415 - help needs no database

    plan = await plan_reset(settings)
    count = plan.unreadable if only_unreadable else plan.endpoints
    if count == 0:
        show.line(_nothing(plan, only_unreadable=only_unreadable))
        return
    if not confirmed:
        _confirm(count, plan)
    async with open_secret_reset(settings) as reset:
        secrets = await reset.run(only_unreadable=only_unreadable, actor=local_actor(), reason=reason)
    _print(secrets)


def _nothing(plan: "PlannedReset", *, only_unreadable: bool) -> str:
    if only_unreadable and plan.endpoints:
        return "Nothing to reset: the key opens every stored secret."
    return "Nothing to reset: no endpoint has a stored secret."


def _confirm(count: int, plan: "PlannedReset") -> None:
    click.echo(
        f"{count} of {plan.endpoints} endpoints get a new secret; the key does not open the secrets of "
        f"{plan.unreadable}. Their receivers reject webhooks until they have the new secret.",
        err=True,
    )
    try:
        confirmed = click.confirm("Reset?", err=True)
    except click.Abort:
        confirmed = False
    if not confirmed:
        raise CommandError("Nothing was changed. Confirm, or use --yes.")


def _print(secrets: "tuple[NewSecret, ...]") -> None:
    """Print each secret on a line of its own and in full: output for people masks secrets and folds long text."""
    for item in secrets:
        show.line(f"{item.endpoint_id}  {item.name}  {item.url}")
        if item.secret is not None:
            click.echo(f"  new secret    {item.secret}")
        if item.public_key is not None:
            click.echo(f"  public key    {item.public_key}")
        if item.lost_headers:
            show.line(f"  lost headers  {', '.join(item.lost_headers)}")
    show.line(
        "The secrets are not shown again. Give each receiver the new secret of its endpoint (with ed25519, the public "
        "key). Deliveries that a receiver rejected before that can be resent."
    )
    if any(item.lost_headers for item in secrets):
        show.line(
            "Endpoints with lost headers are paused: enter the values of the headers again, then resume them."
        )
