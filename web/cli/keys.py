"""`breakwater keys`: list, create, rotate and revoke API keys."""

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, with_client
from breakwater.web.cli.group import run_by_default


@click.group("keys", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List API keys; create, rotate or revoke them.

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
            _sender_of(key),
            key["preview"],
            " ".join(key["scopes"]),
            show.short_time(key["last_used_at"]),
            show.short_time(key["revoked_at"]),
        )
        for key in client.get("/keys")["items"]
    )
    show.table(
        ("id", "name", "sender", "key", "scopes", "last used", "revoked"), rows, empty="No API keys yet."
    )


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
@click.option(
    "--sender",
    metavar="NAME",
    help="The service account that the key belongs to. Keys of one sender share its idempotency keys.",
)
@with_client
def _create(client: Client, name: str, scopes: tuple[str, ...], sender: str | None) -> None:
    """Create an API key with this NAME and print it. It is not shown again."""
    created = client.post("/keys", {"name": name, "scopes": list(scopes), "sender": sender})
    click.echo(created["key"])


@command.command("rotate")
@click.argument("key_id", metavar="KEY_ID")
@with_client
def _rotate(client: Client, key_id: str) -> None:
    """Create a second API key with the same name, scopes and sender, and print it.

    The first key stays valid until it is revoked.
    """
    click.echo(client.post(f"/keys/{key_id}/rotate")["key"])


@command.command("revoke")
@click.argument("key_id", metavar="KEY_ID")
@with_client
def _revoke(client: Client, key_id: str) -> None:
    """Revoke an API key. Requests with it are refused from now on."""
    client.delete(f"/keys/{key_id}")
    show.line(f"{key_id} revoked.")


def _sender_of(key: dict[str, str]) -> str:
    """Return the named sender of a key. A service of an earlier version knows no senders."""
    sender = key.get("sender", key["id"])
    return "" if sender == key["id"] else sender
