"""`breakwater resend`: try deliveries again."""

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, asks


@click.command("resend")
@click.argument("delivery_ids", nargs=-1, required=True, metavar="DELIVERY...")
@click.option("--reason", help="Why; it is kept in the audit.")
@click.option("--now", is_flag=True, default=None, help="Do not wait for an open circuit: one probe.")
@asks
def command(client: Client, delivery_ids: tuple[str, ...], reason: str | None, now: bool | None) -> None:
    """Resend each DELIVERY: its numbering goes on, its retries begin anew."""
    for delivery_id in delivery_ids:
        done = client.post(f"/deliveries/{delivery_id}/resend", {"reason": reason, "now": now})
        show.line(f"{delivery_id}: {done.get('sentence') or done.get('why') or 'resent'}")
