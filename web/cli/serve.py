"""`breakwater serve`: the service."""

import os
from typing import TYPE_CHECKING

import click
import structlog
import uvloop

from breakwater.core.logs import configure_logging
from breakwater.core.settings import service_links, unknown_variables
from breakwater.web.cli.ending import ends_quietly
from breakwater.web.cli.options import setting_flags, settings_from

if TYPE_CHECKING:
    from breakwater.web.serve.first_start import Welcome


@click.command("serve", context_settings={"max_content_width": 110})
@setting_flags
def command(**flags: object) -> None:
    """Run the service: the API, the pages and the delivery, in one process.

    Every flag is also an environment variable, named in brackets; a flag wins. Secrets are better off in
    variables, which other users of the machine cannot list.
    """
    settings = settings_from(flags)
    from breakwater.web.serve.process import serve  # noqa: PLC0415 - help, and what is wrong with a flag, wait for no framework

    configure_logging(settings.log_format, settings.log_level)
    for name in unknown_variables(os.environ):
        structlog.get_logger("breakwater.settings").warning("setting.unknown", variable=name)
    if links := service_links(os.environ):
        structlog.get_logger("breakwater.settings").info(
            "setting.service_link",
            variables=", ".join(links),
            note="ignored: Kubernetes sets them for a service named breakwater; enableServiceLinks: false avoids them",
        )
    with ends_quietly():
        uvloop.run(serve(settings, _announce))


def _announce(welcome: "Welcome") -> None:
    from breakwater.web.serve.banner import banner  # noqa: PLC0415 - the same

    click.echo(banner(welcome))
