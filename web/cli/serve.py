"""`breakwater serve`: run the service."""

import os
from functools import partial

import click
import structlog
import uvloop

from breakwater.core.logs import configure_logging
from breakwater.core.settings import service_links, unknown_variables
from breakwater.web.cli.interrupt import exit_on_interrupt
from breakwater.web.cli.options import setting_flags, settings_from


@click.command("serve", context_settings={"max_content_width": 110})
@setting_flags
def command(**flags: object) -> None:
    """Run the service: API, web pages and delivery in one process.

    Every flag is also an environment variable, shown in brackets; the flag takes precedence. Set secrets by variable:
    other users of the machine can read the flags of a process.
    """
    settings = settings_from(flags)
    # Help and wrong flags need no framework.
    from breakwater.web.serve.announcement import announce  # noqa: PLC0415
    from breakwater.web.serve.process import serve  # noqa: PLC0415

    configure_logging(settings.log_format, settings.log_level)
    for name in unknown_variables(os.environ):
        structlog.get_logger("breakwater.settings").warning("setting.unknown", variable=name)
    if links := service_links(os.environ):
        structlog.get_logger("breakwater.settings").info(
            "setting.service_link",
            variables=", ".join(links),
            note="ignored: Kubernetes sets them for a service named breakwater; enableServiceLinks: false avoids them",
        )
    with exit_on_interrupt():
        uvloop.run(serve(settings, partial(announce, settings=settings)))
