"""`breakwater keys`: API keys."""

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, asks
from breakwater.web.cli.group import run_by_default


@click.group("keys", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the API keys; or create and revoke them. Needs a key with the scope admin."""
    if ctx.invoked_subcommand is None:
        run_by_default(ctx, _list)


@command.command("list")
@asks
def _list(client: Client) -> None:
    """List the API keys, revoked ones among them."""
    rows = (
        (
            key["id"],
            key["name"],
            key["preview"],
            " ".join(key["scopes"]),
            show.short_time(key["last_used_at"]),
            show.short_time(key["revoked_at"]),
        )
        for key in client.get("/keys")["items"]
    )
    show.table(("id", "name", "key", "scopes", "last used", "revoked"), rows, empty="There is no key.")


@command.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["send", "read", "operate", "admin"]),
    help="What it may do; may be repeated.",
)
@asks
def _create(client: Client, name: str, scopes: tuple[str, ...]) -> None:
    """Make a key called NAME and print it, this once."""
    made = client.post("/keys", {"name": name, "scopes": list(scopes)})
    click.echo(made["key"])


@command.command("revoke")
@click.argument("key_id", metavar="KEY_ID")
@asks
def _revoke(client: Client, key_id: str) -> None:
    """End a key at once."""
    client.delete(f"/keys/{key_id}")
    show.line(f"{key_id} is revoked.")
