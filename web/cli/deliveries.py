"""`breakwater deliveries`: list deliveries, or show one."""

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, Json, with_client
from breakwater.web.cli.filter_options import filter_options, filters_of


@click.command("deliveries")
@click.argument("delivery_id", required=False)
@filter_options
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Maximum number of deliveries.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def command(
    client: Client, delivery_id: str | None, limit: int, as_json: bool, **options: str | None
) -> None:
    """List deliveries, newest first, or show DELIVERY_ID with its attempts."""
    if delivery_id is not None:
        _show(client.get(f"/deliveries/{delivery_id}"), as_json=as_json)
        return
    deliveries = list(client.list_items("/deliveries", limit=limit, **filters_of(options)))
    if as_json:
        show.as_json(deliveries)
        return
    columns = ("delivery", "created", "status", "attempts", "event", "to", "error")
    show.table(columns, map(_row, deliveries), empty="No matching deliveries.")


def _row(delivery: Json) -> tuple[object, ...]:
    return (
        delivery["id"],
        show.short_time(delivery["created_at"]),
        delivery["status"],
        delivery["attempt_count"],
        delivery["event_type"],
        delivery["webhook_url"],
        delivery["error"] or delivery["failure_class"],
    )


def _show(delivery: Json, *, as_json: bool) -> None:
    if as_json:
        show.as_json(delivery)
        return
    show.line(f"{delivery['id']}: {delivery['status']}. {delivery['why']}")
    rows = (
        (
            attempt["attempt_number"],
            show.short_time(attempt["timestamp"]),
            attempt["status_code"],
            attempt["response_time_ms"],
            attempt["trigger"],
            attempt["error"],
        )
        for attempt in delivery["attempts"]
    )
    show.table(("attempt", "at", "status", "ms", "trigger", "error"), rows, empty="No attempts yet.")
