"""`breakwater keys`: list, create and revoke API keys."""

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, with_client
from breakwater.web.cli.group import run_by_default


@click.group("keys", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List API keys; create or revoke them.

    Needs a key with the scope admin.
    """
    if ctx.invoked_subcommand is None:
        run_by_default(ctx, _list)


@command.command("list")
@with_client
def _list(client: Client) -> None:
    """List all API keys, including revoked ones."""
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
    show.table(("id", "name", "key", "scopes", "last used", "revoked"), rows, empty="No API keys yet.")


@command.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["send", "read", "operate", "admin"]),
    help="A scope of the key; repeat the option for several.",
)
@with_client
def _create(client: Client, name: str, scopes: tuple[str, ...]) -> None:
    """Create an API key with this NAME and print it. It is not shown again."""
    created = client.post("/keys", {"name": name, "scopes": list(scopes)})
    click.echo(created["key"])


@command.command("revoke")
@click.argument("key_id", metavar="KEY_ID")
@with_client
def _revoke(client: Client, key_id: str) -> None:
    """Revoke an API key. Requests with it are refused from now on."""
    client.delete(f"/keys/{key_id}")
    show.line(f"{key_id} revoked.")
