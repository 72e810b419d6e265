"""The pages: HTML rendered by the server, updated by htmx, and complete without scripts."""

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
    shown_once,
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
    *shown_once.HANDLERS,
    *sign_in.HANDLERS,
]
"""The route handlers of all pages."""
