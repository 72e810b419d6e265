"""`breakwater serve`: the service."""

import os

import click
import structlog
import uvloop

from core.logs import configure_logging
from core.settings import unknown_variables
from web.banner import banner
from web.cli.ending import ends_quietly
from web.cli.options import setting_flags, settings_from
from web.first_start import Welcome
from web.serving import serve


@click.command("serve", context_settings={"max_content_width": 110})
@setting_flags
def command(**flags: object) -> None:
    """Run the service: the API, the pages and the delivery, in one process.

    Every flag is also an environment variable, named in brackets; a flag wins. Secrets are better off in
    variables, which other users of the machine cannot list.
    """
    settings = settings_from(flags)
    configure_logging(settings.log_format, settings.log_level)
    for name in unknown_variables(os.environ):
        structlog.get_logger("breakwater.settings").warning("setting.unknown", variable=name)
    with ends_quietly():
        uvloop.run(serve(settings, _announce))


def _announce(welcome: Welcome) -> None:
    click.echo(banner(welcome))
