"""`breakwater demo`: run the service with a scripted receiver and demo traffic."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import uvloop

from breakwater.core.logs import configure_logging
from breakwater.core.settings import Settings
from breakwater.core.settings.types import SQLITE
from breakwater.web.cli.interrupt import exit_on_interrupt
from breakwater.web.cli.options import settings_from
from breakwater.web.receiver import Receiver
from breakwater.web.serve.banner import banner
from breakwater.web.serve.demo import Traffic
from breakwater.web.serve.example import allow_receiver
from breakwater.web.serve.first_start import Welcome
from breakwater.web.serve.process import serve


@click.command("demo")
@click.option(
    "--port",
    default="8420",
    show_default=True,
    metavar="N",
    help="TCP port of the service; 0 takes a free port.",
)
@click.option("--database-url", help="Database for the demo's data, instead of a temporary one.")
@click.option("--log-level", default="warning", show_default=True, help="Minimum level of the log.")
def command(port: str, database_url: str | None, log_level: str) -> None:
    """Run the service with a scripted receiver and demo traffic.

    Within a minute deliveries succeed, are retried and fail, and a circuit opens, probes and closes. The data is
    deleted at the end, unless you choose a database.
    """
    with _database(database_url) as url, exit_on_interrupt():
        flags = {"port": port, "database_url": url, "log_level": log_level, "example_endpoint": False}
        settings = settings_from(flags)
        configure_logging(settings.log_format, settings.log_level)
        uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    receiver = Receiver()
    await receiver.start()
    try:
        await serve(allow_receiver(settings, receiver), _announce, Traffic(receiver.url))
    finally:
        await receiver.stop()


@contextmanager
def _database(database_url: str | None) -> Iterator[str]:
    if database_url is not None:
        yield database_url
        return
    with tempfile.TemporaryDirectory(prefix="breakwater-demo-") as folder:
        yield f"{SQLITE}{Path(folder) / 'demo.db'}"


def _announce(welcome: Welcome) -> None:
    click.echo(banner(welcome))
    click.echo("The demo sends two messages per second. Watch the pages Now and Circuits.\n")
