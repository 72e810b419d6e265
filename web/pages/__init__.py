"""The pages: HTML from the server, alive with htmx, whole without it."""

from typing import Final

from breakwater.web.pages import (
    audit,
    causes,
    circuits,
    deliveries,
    delivery_list,
    endpoint_settings,
    endpoints,
    messages,
    new_replay,
    now,
    replays,
    saved_views,
    selection,
    settings,
    sign_in,
)

PAGES: Final = [
    *now.HANDLERS,
    *delivery_list.HANDLERS,
    *deliveries.HANDLERS,
    *causes.HANDLERS,
    *selection.HANDLERS,
    *saved_views.HANDLERS,
    *replays.HANDLERS,
    *new_replay.HANDLERS,
    *messages.HANDLERS,
    *circuits.HANDLERS,
    *endpoints.HANDLERS,
    *endpoint_settings.HANDLERS,
    *audit.HANDLERS,
    *settings.HANDLERS,
    *sign_in.HANDLERS,
]
"""Every route handler of the pages."""
