"""Icons and glyphs: each state has its own shape, so that colour is never the only difference."""

from typing import Final

from markupsafe import Markup

_ICONS: Final = {
    "now": '<path d="M1.5 8.5H4l2-5 3.6 9.5 2-4.5h2.9"/>',
    "deliveries": '<path d="M2 3.5h12M2 8h7M2 12.5h5M10 10.5h4.5M12.5 8.5l2 2-2 2"/>',
    "endpoints": '<circle cx="8" cy="8" r="5.7"/><circle cx="8" cy="8" r="1.6" fill="currentColor"/>',
    "circuits": '<path d="M1 10.5h2.2M5.6 9.4l5.6-4.9M12.8 10.5H15"/><circle cx="4.4" cy="10.5" r="1.3"/>'
    '<circle cx="11.6" cy="10.5" r="1.3"/>',
    "replays": '<path d="M2.8 6.6A5.4 5.4 0 0 1 12.5 4.7M12.8 2v2.9H9.9"/>'
    '<path d="M13.2 9.4a5.4 5.4 0 0 1-9.7 1.9M3.2 14v-2.9h2.9"/>',
    "audit": '<path d="M3.5 2.2h9v11.6l-2.2-1.3-2.3 1.3-2.3-1.3-2.2 1.3zM6 5.8h4M6 8.6h4"/>',
    "settings": '<path d="M2 5h6M12 5h2M2 11h2M8 11h6"/><circle cx="10" cy="5" r="1.8"/>'
    '<circle cx="6" cy="11" r="1.8"/>',
    "more": '<circle cx="3.2" cy="8" r=".9" fill="currentColor"/><circle cx="8" cy="8" r=".9" fill="currentColor"/>'
    '<circle cx="12.8" cy="8" r=".9" fill="currentColor"/>',
    "search": '<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3.5 3.5"/>',
    "copy": '<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/>'
    '<path d="M3.2 10.5h-.7v-7a1 1 0 0 1 1-1h7v.7"/>',
    "right": '<path d="m6 3.5 4.5 4.5L6 12.5"/>',
    "left": '<path d="M10 3.5 5.5 8l4.5 4.5"/>',
    "down": '<path d="M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M3 13.5h10"/>',
    "plus": '<path d="M8 3v10M3 8h10"/>',
    "theme": '<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor"/>',
    "leave": '<path d="M9.5 3H4v10h5.5M7 8h7M11.5 5.5 14 8l-2.5 2.5"/>',
    "keyboard": '<rect x="1.5" y="4" width="13" height="8.5" rx="1.5"/>'
    '<path d="M4.5 7h.01M8 7h.01M11.5 7h.01M5 10h6"/>',
}

_STATES: Final = {
    "delivered": '<circle cx="6" cy="6" r="5" fill="currentColor"/><path class="cut" d="m3.7 6.2 1.6 1.6 3-3.5"/>',
    "failed": '<path d="M6 .4 11.6 6 6 11.6.4 6z" fill="currentColor"/><path class="cut" d="M6 3.4v3M6 8.3v.2"/>',
    "held": '<rect x="1.8" y="1.2" width="3" height="9.6" rx="1" fill="currentColor"/>'
    '<rect x="7.2" y="1.2" width="3" height="9.6" rx="1" fill="currentColor"/>',
    "waiting": '<circle cx="6" cy="6" r="4.2" class="line"/>',
    "retrying": '<path class="line" d="M10.2 6A4.2 4.2 0 1 1 8.6 2.7M8.8.6v2.4H6.4"/>',
    "flight": '<path d="M2 1.4 10.6 6 2 10.6z" fill="currentColor"/>',
    "cancelled": '<circle cx="6" cy="6" r="4.2" class="line"/><path class="line" d="M3.9 6h4.2"/>',
}

_SWITCHES: Final = {
    "closed": '<path d="M6.5 9h15"/>',
    "open": '<path d="m6.2 8 11.6-6.2"/>',
    "half": '<path d="m6.4 8.4 13.4-4.2" stroke-dasharray="2.6 2.2"/>',
    "hold": '<path d="m6.2 8 11.6-6.2M24 1.5v4"/>',
}


def icon(name: str) -> Markup:
    """Return an icon of 16 px in the colour of its text, hidden from screen readers."""
    return Markup(f'<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{_ICONS[name]}</svg>')  # noqa: S704 - literals


def state_glyph(key: str) -> Markup:
    """Return the glyph of a delivery's state."""
    return Markup(f'<svg class="glyph" viewBox="0 0 12 12" aria-hidden="true">{_STATES[key]}</svg>')  # noqa: S704 - literals


def switch_glyph(key: str) -> Markup:
    """Return a circuit as a switch symbol: closed, open, half-open or held."""
    terminals = '<path d="M.5 9H2M26 9h1.5"/><circle cx="4" cy="9" r="2"/><circle cx="24" cy="9" r="2"/>'
    return Markup(  # noqa: S704 - literals
        f'<svg class="switch" viewBox="0 0 28 12" aria-hidden="true">{terminals}{_SWITCHES[key]}</svg>'
    )
