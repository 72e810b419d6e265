"""`breakwater receiver`: a webhook receiver to try things on."""

import asyncio
import signal

import click
import uvloop

from breakwater.core.domain.errors import StartRefused
from breakwater.web.receiver import Receiver, desk, script

_GUIDE = "\n\n".join(f"\b\n{part}" for part in f"{script.GUIDE}\n{desk.GUIDE}".split("\n\n"))


@click.command("receiver", epilog=_GUIDE)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8421, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one."
)
@click.option(
    "--keep",
    default=1_000,
    show_default=True,
    type=click.IntRange(0),
    help="Requests that /received remembers.",
)
@click.option(
    "--body-cap", default=4_096, show_default=True, type=click.IntRange(0), help="Bytes kept of each body."
)
def command(host: str, port: int, keep: int, body_cap: int) -> None:
    """Receive webhooks and answer by script: each path behaves as it is named.

    Meant for this machine: whoever can reach it can read what it received.
    """
    uvloop.run(_run(Receiver(host, port, keep=keep, body_cap=body_cap)))


async def _run(receiver: Receiver) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await receiver.start()
    except OSError as busy:
        raise StartRefused(
            f"Cannot listen on {receiver.url}: {busy.strerror}. Choose another --port."
        ) from None
    click.echo(f"listening on {receiver.url}")
    await stop.wait()
    await receiver.stop()
