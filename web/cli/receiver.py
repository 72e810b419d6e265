"""`breakwater receiver`: run a scriptable webhook receiver."""

import asyncio
import ipaddress
import signal

import click
import uvloop

from breakwater.core.domain.errors import StartRefused
from breakwater.web.receiver import Receiver, control_api, script

_GUIDE = "\n\n".join(f"\b\n{part}" for part in f"{script.GUIDE}\n{control_api.GUIDE}".split("\n\n"))


@click.command("receiver", epilog=_GUIDE)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    callback=lambda _ctx, _option, value: _address(value),
    help="Address to listen on.",
)
@click.option(
    "--port",
    default=8421,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="TCP port; 0 takes a free port.",
)
@click.option(
    "--keep",
    default=1_000,
    show_default=True,
    type=click.IntRange(0),
    help="Number of requests kept for /received.",
)
@click.option(
    "--body-cap",
    default=4_096,
    show_default=True,
    type=click.IntRange(0),
    help="Maximum bytes kept of each body.",
)
def command(host: str, port: int, keep: int, body_cap: int) -> None:
    """Receive webhooks and respond by script: each path behaves as its name says.

    Do not expose it to a network: everyone who can reach it can read the received requests.
    """
    uvloop.run(_run(Receiver(host, port, keep=keep, body_cap=body_cap)))


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address("127.0.0.1" if value == "localhost" else value))
    except ValueError:
        raise click.BadParameter("Use an IP address such as 127.0.0.1 or 0.0.0.0.") from None


async def _run(receiver: Receiver) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await receiver.start()
    except OSError as error:
        raise StartRefused(
            f"Cannot listen on {receiver.url}: {error.strerror}. Choose another --port."
        ) from None
    click.echo(f"listening on {receiver.url}")
    await stop.wait()
    await receiver.stop()
