"""`breakwater send`: hand in a message."""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, Failed, Json, asks

_FINAL: Final = frozenset({"delivered", "failed", "cancelled"})
_LOOK_EVERY_SECONDS: Final = 0.5


@click.command("send")
@click.argument("event_type")
@click.argument("payload", default="{}")
@click.option("--to", "endpoint_ids", multiple=True, metavar="ENDPOINT", help="Endpoint id; may be repeated.")
@click.option("--url", help="Send to this URL instead of to endpoints.")
@click.option("--idempotency-key", help="The same key and message are taken once.")
@click.option("--wait", default=0.0, metavar="SECONDS", help="Wait until every delivery has ended.")
@asks
def command(
    client: Client,
    *,
    event_type: str,
    payload: str,
    endpoint_ids: tuple[str, ...],
    url: str | None,
    idempotency_key: str | None,
    wait: float,
) -> None:
    """Send PAYLOAD (JSON, @file or - for stdin) as an EVENT_TYPE to all who subscribe, or to whom you name.

    With --wait the exit code is 1 unless every delivery ended delivered.
    """
    message = {
        "event_type": event_type,
        "payload": _payload(payload),
        "endpoint_ids": list(endpoint_ids) or None,
        "url": url,
    }
    headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
    accepted = client.post("/messages", message, **headers)
    show.line(f"accepted {accepted['id']}")
    if note := accepted.get("note"):
        show.line(note)
    deliveries = accepted["deliveries"]
    ends = _ends(client, deliveries, wait) if wait else []
    rows = ((one["id"], one["endpoint_id"], one.get("status"), one.get("why")) for one in ends or deliveries)
    show.table(("delivery", "endpoint", "status", "why"), rows, empty="It goes to no endpoint.")
    if wait and any(one["status"] != "delivered" for one in ends):
        raise click.exceptions.Exit(1)


def _payload(text: str) -> Any:
    try:
        if text == "-":
            return json.load(sys.stdin)
        return json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError as unreadable:
        raise Failed(f"Cannot read {text[1:]}: {unreadable.strerror}.") from None
    except ValueError as invalid:
        raise click.UsageError(f"the payload is no JSON: {invalid}") from None


def _ends(client: Client, deliveries: list[Json], wait: float) -> list[Json]:
    deadline = time.monotonic() + wait
    while True:
        found = [client.get(f"/deliveries/{delivery['id']}") for delivery in deliveries]
        if all(one["status"] in _FINAL for one in found) or time.monotonic() > deadline:
            return found
        time.sleep(_LOOK_EVERY_SECONDS)
