"""`breakwater send`: send a message."""

import codecs
import json
import os
import sys
import time
from pathlib import Path
from typing import Final

import click
import msgspec

from breakwater.core.logs import clean_text
from breakwater.web.cli import show
from breakwater.web.cli.client import Client, Json, with_client
from breakwater.web.cli.errors import CommandError

_FINISHED: Final = frozenset({"delivered", "failed", "cancelled"})
_POLL_SECONDS: Final = 0.5


@click.command("send")
@click.argument("event_type")
@click.argument("payload", default="{}")
@click.option(
    "--to", "endpoint_ids", multiple=True, metavar="ENDPOINT", help="Endpoint id; repeat for several."
)
@click.option("--url", help="Send to this URL instead of to endpoints.")
@click.option("--idempotency-key", help="The same message with the same key is accepted only once.")
@click.option(
    "--wait", default=0.0, metavar="SECONDS", help="Wait up to SECONDS until every delivery has finished."
)
@with_client
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
    """Send PAYLOAD (JSON, @file or - for stdin) as a message of type EVENT_TYPE.

    It goes to all endpoints that subscribe to EVENT_TYPE, unless --to or --url names the receivers. With --wait the
    exit code is 1 unless every delivery is delivered.
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
    finished = _wait_for(client, deliveries, wait) if wait else []
    rows = (
        (delivery["id"], delivery["endpoint_id"], delivery.get("status"), delivery.get("why"))
        for delivery in finished or deliveries
    )
    show.table(("delivery", "endpoint", "status", "why"), rows, empty="No deliveries.")
    if wait and any(delivery["status"] != "delivered" for delivery in finished):
        raise click.exceptions.Exit(1)


def _payload(text: str) -> msgspec.Raw:
    """Return the exact bytes of PAYLOAD, checked to be one JSON value: they are put into the request as they are."""
    content = _read(text)
    if content.startswith(codecs.BOM_UTF8):
        raise click.UsageError("The payload begins with a byte order mark (bytes EF BB BF). Remove it.")
    try:
        json.loads(content.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise click.UsageError(f"The payload is not valid UTF-8 at byte {error.start}.") from None
    except RecursionError:
        raise click.UsageError("The payload is not valid JSON: it is nested too deeply.") from None
    except ValueError as error:
        raise click.UsageError(f"The payload is not valid JSON: {error}.") from None
    return msgspec.Raw(content)


def _read(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(text[1:]).read_bytes() if text.startswith("@") else os.fsencode(text)
    except UnicodeEncodeError:
        raise click.UsageError("The payload is not valid Unicode text.") from None
    except OSError as error:
        raise CommandError(f"Cannot read {clean_text(text[1:])}: {error.strerror}.") from None
    except ValueError:  # a name with a NUL byte
        raise click.UsageError("The file name of the payload is not valid.") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _wait_for(client: Client, deliveries: list[Json], seconds: float) -> list[Json]:
    """Return the deliveries once all have finished, or as they are after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        current = [client.get(f"/deliveries/{delivery['id']}") for delivery in deliveries]
        if all(delivery["status"] in _FINISHED for delivery in current) or time.monotonic() > deadline:
            return current
        time.sleep(_POLL_SECONDS)
