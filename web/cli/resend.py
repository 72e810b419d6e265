"""`breakwater resend`: resend deliveries."""

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, with_client
from breakwater.web.cli.options import REASON_HELP


@click.command("resend")
@click.argument("delivery_ids", nargs=-1, required=True, metavar="DELIVERY...")
@click.option("--reason", help=REASON_HELP)
@click.option("--now", is_flag=True, default=None, help="Send as a probe even if the circuit is open.")
@with_client
def command(client: Client, delivery_ids: tuple[str, ...], reason: str | None, now: bool | None) -> None:
    """Resend each DELIVERY and restart its retry schedule."""
    for delivery_id in delivery_ids:
        result = client.post(f"/deliveries/{delivery_id}/resend", {"reason": reason, "now": now})
        show.line(f"{delivery_id}: {result.get('sentence') or result.get('why') or 'resent'}")
