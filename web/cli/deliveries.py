"""`breakwater deliveries`: what happened."""

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, Json, asks


@click.command("deliveries")
@click.argument("delivery_id", required=False)
@click.option("--status", help="pending, in_flight, delivered, failed, cancelled or held.")
@click.option("--endpoint", help="Endpoint id.")
@click.option("--event-type", help="Event type.")
@click.option("--class", "failure_class", help="Class of failure: server_error, timeout, connect, ...")
@click.option("--since", help="Not before this time, or this long ago: 2026-11-22T03:00:00Z, 2h.")
@click.option("--until", help="Before this time.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
@click.option("--json", "as_json", is_flag=True, help="JSON, whole.")
@asks
def command(
    client: Client, delivery_id: str | None, limit: int, as_json: bool, **filters: str | None
) -> None:
    """List deliveries, newest first, or show DELIVERY_ID with its attempts."""
    if delivery_id is not None:
        _one(client.get(f"/deliveries/{delivery_id}"), as_json=as_json)
        return
    asked = {"class": filters.pop("failure_class"), **filters}
    found = list(client.everything("/deliveries", limit=limit, **asked))
    if as_json:
        show.as_json(found)
        return
    columns = ("delivery", "created", "status", "attempts", "event", "to", "error")
    show.table(columns, (_row(one) for one in found), empty="No delivery matches.")


def _row(one: Json) -> tuple[object, ...]:
    return (
        one["id"],
        show.short_time(one["created_at"]),
        one["status"],
        one["attempt_count"],
        one["event_type"],
        one["webhook_url"],
        one["error"] or one["failure_class"],
    )


def _one(delivery: Json, *, as_json: bool) -> None:
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
    show.table(("attempt", "at", "status", "ms", "by", "error"), rows, empty="No attempt was made yet.")
