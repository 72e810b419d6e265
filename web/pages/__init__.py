"""The pages: HTML from the server, alive with htmx, whole without it."""

from typing import Final

from web.pages import (
    audit,
    circuits,
    deliveries,
    delivery_list,
    endpoint_settings,
    endpoints,
    messages,
    now,
    settings,
    sign_in,
)

PAGES: Final = [
    *now.HANDLERS,
    *delivery_list.HANDLERS,
    *deliveries.HANDLERS,
    *messages.HANDLERS,
    *circuits.HANDLERS,
    *endpoints.HANDLERS,
    *endpoint_settings.HANDLERS,
    *audit.HANDLERS,
    *settings.HANDLERS,
    *sign_in.HANDLERS,
]
"""Every route handler of the pages."""
