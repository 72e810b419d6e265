"""Format relative times, figures and states for pages. `breakwater.core.text.format` has what sentences share.

Times are seconds since the epoch.
"""

import re
from typing import Final, assert_never

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.text.format import format_duration, pluralize
from breakwater.core.text.statuses import DeliveryStatus, circuit_state_name, status_name

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400
SECOND_MS: Final = 1_000
KIBI: Final = 1_024
_SMALLEST_SHARE: Final = 0.0005
"""Rounded to a tenth of a percent, smaller shares would be 0%."""
NOTHING: Final = "\N{EN DASH}"
"""Shown where there is no figure."""

_INVISIBLE_CHARACTERS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Invisible characters: controls, terminal escapes, zero-width and filler characters, tags, bidirectional overrides."""


def visible(text: str) -> str:
    """Return `text` with each invisible or misleading character escaped as its code."""
    return _INVISIBLE_CHARACTERS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _span(seconds: float) -> str:
    """Return a span in its largest unit, for relative times. `app.js` uses the same units."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{int(seconds)} s"


def relative(at: float, now: float) -> str:
    """Return `12 s ago`, `in 5 min` or `now`."""
    if at - now >= 1:
        return f"in {_span(at - now)}"
    return f"{_span(now - at)} ago" if now - at >= 1 else "now"


def countdown(at: float, now: float) -> str:
    """Return the remaining time: `0:42`, `59:10`, `2 h 12 min`; `now` when it has passed."""
    seconds_left = int(at - now)
    if seconds_left <= 0:
        return "now"
    return (
        f"{seconds_left // MINUTE}:{seconds_left % MINUTE:02d}"
        if seconds_left < HOUR
        else format_duration(seconds_left - seconds_left % MINUTE)
    )


def milliseconds(value: float | None) -> str:
    """Return `84 ms`, `1.24 s`, or a dash without a value."""
    if value is None:
        return NOTHING
    return f"{value:.0f} ms" if round(value) < SECOND_MS else f"{value / SECOND_MS:.2f} s"


def share(value: float | None) -> str:
    """Return a share of 0 to 1 as `99.8%`; only 1 is `100%`, and only 0 is `0%`."""
    if value is None:
        return NOTHING
    if 0 < value < _SMALLEST_SHARE:
        return "<0.1%"
    percent = min(round(value * 100, 1), 99.9) if value < 1 else 100.0
    return f"{percent:.1f}%" if percent % 1 else f"{percent:.0f}%"


def size(count: int) -> str:
    """Return `1 byte`, `812 bytes` or `16.4 KiB`."""
    return pluralize(count, "byte") if count < KIBI else f"{count / KIBI:,.1f} KiB".replace(".0 ", " ")


def capitalize_first(text: str) -> str:
    """Return `text` with its first letter in upper case; the rest is unchanged."""
    return text[:1].upper() + text[1:]


ACTIONS: Final = {
    "circuit.hold": "held the circuit",
    "circuit.probe": "probed the circuit",
    "circuit.release": "released the circuit",
    "circuit.reset": "reset the circuit",
    "delivery.cancel": "cancelled a delivery",
    "delivery.resend": "resent a delivery",
    "delivery.resend_many": "resent deliveries",
    "endpoint.create": "created an endpoint",
    "endpoint.delete": "deleted an endpoint",
    "endpoint.disable": "disabled an endpoint",
    "endpoint.pause": "paused an endpoint",
    "endpoint.resume": "resumed an endpoint",
    "endpoint.rotate_secret": "rotated a secret",
    "endpoint.reset_secret": "reset a secret",
    "secrets.reset": "reset the secrets of endpoints",
    "endpoint.update": "updated an endpoint",
    "key.create": "created a key",
    "key.rotate": "rotated a key",
    "key.revoke": "revoked a key",
    "person.disable": "disabled a person",
    "person.end_sessions": "ended sessions of a person",
    "person.invite": "invited a person",
    "person.sign_in": "signed in",
    "person.welcome": "set a password",
    "replay.cancel": "cancelled a replay",
    "replay.finish": "finished a replay",
    "replay.pause": "paused a replay",
    "replay.resume": "resumed a replay",
    "replay.start": "started a replay",
}
"""Audit action -> the words for it."""


def action(name: str) -> str:
    """Return the words for an audit action such as `circuit.reset`."""
    return ACTIONS.get(name, name.replace(".", " ").replace("_", " "))


def common_error(text: str) -> str:
    """Return the common text of errors; a timeout of varying length is that of the deadline."""
    return text.replace("within \N{HORIZONTAL ELLIPSIS} s", "within the deadline")


_PAGES: Final = {"dlv": "/deliveries/", "ep": "/endpoints/", "msg": "/messages/", "rpl": "/replays/"}


def page_of(subject: str) -> str | None:
    """Return the page of an id, or None where it has no page."""
    prefix = subject.partition("_")[0]
    return f"{_PAGES[prefix]}{subject}" if prefix in _PAGES else None


def status_badge(row: DeliveryRow) -> tuple[str, str]:
    """Return the status of a delivery as (key of its colour and glyph, name)."""
    return STATUS_KEYS[row.status], status_name(row.status)


STATUS_KEYS: Final = {
    DeliveryStatus.PENDING: "waiting",
    DeliveryStatus.IN_FLIGHT: "flight",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.FAILED: "failed",
    DeliveryStatus.CANCELLED: "cancelled",
    DeliveryStatus.HELD: "held",
    DeliveryStatus.RETRYING: "retrying",
}
"""The key of each status in the style sheet and among the glyphs."""


def circuit_badge(view: CircuitView) -> tuple[str, str]:
    """Return the state of a circuit as (key of its colour and glyph, name); a hold comes before the state."""
    return ("hold", "held") if view.on_hold else (CIRCUIT_KEYS[view.state], circuit_state_name(view.state))


CIRCUIT_KEYS: Final = {
    CircuitState.CLOSED: "closed",
    CircuitState.OPEN: "open",
    CircuitState.HALF_OPEN: "half",
}
"""The key of each state in the style sheet and among the glyphs."""


def endpoint_badge(state: EndpointState) -> tuple[str, str]:
    """Return the state of an endpoint as (key of its colour and glyph, name)."""
    match state:
        case EndpointState.ENABLED:
            return "delivered", "enabled"
        case EndpointState.PAUSED:
            return "held", "paused"
        case EndpointState.DISABLED:
            return "failed", "disabled"
        case _ as never:
            assert_never(never)
