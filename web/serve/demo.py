"""The demo: endpoints of every temper on a scripted receiver, and gentle traffic for them.

Within a minute of watching there are deliveries that succeed, are retried and fail, and a breaker that opens,
probes and closes. The schedules and thresholds are short for that; nothing else differs from real use.
"""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import structlog
from litestar import Litestar

from breakwater.core.delivery.intake import NewMessage
from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.queries.circuits.pages import MOST_LANES
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.core.runtime import Runtime
from breakwater.core.settings import Settings

log = structlog.get_logger("breakwater.demo")

PAUSE_SECONDS: Final = 0.5
"""Between two messages: gentle enough to follow with the eye."""
_ACTOR: Final = "breakwater"
_QUICK_RETRIES: Final = {"delays": [1, 2, 4], "jitter": 0.1}
_QUICK_CIRCUIT: Final = {"failure_threshold": 3, "timeout_seconds": 6.0, "max_timeout_seconds": 12.0}


@dataclass(frozen=True, slots=True)
class _Member:
    """One endpoint of the cast."""

    name: str
    description: str
    path: str
    event_types: tuple[str, ...]
    settings: Mapping[str, object] = field(default_factory=dict)

    def fields(self, receiver_url: str) -> dict[str, object]:
        return {
            "name": self.name,
            "description": self.description,
            "url": f"{receiver_url}{self.path}",
            "event_types": list(self.event_types),
            "retry": _QUICK_RETRIES,
            "circuit": _QUICK_CIRCUIT,
            **self.settings,
        }

    def was(self, endpoint: EndpointView) -> bool:
        """Return whether an endpoint of an earlier demo is this member, also under another name."""
        origin, _, path = endpoint.url.removeprefix("http://").partition("/")
        return endpoint.name == self.name or (origin.startswith("127.0.0.1:") and f"/{path}" == self.path)


CAST: Final = (
    _Member(
        "Order archive", "Steady: answers at once.", "/steady/orders", ("order.created", "order.shipped")
    ),
    _Member("Monthly reports", "Slow: takes a second for each.", "/slow?ms=1000", ("invoice.paid",)),
    _Member("Stock sync", "Flaky: fails once, then takes it.", "/flaky?fail=1", ("stock.changed",)),
    _Member(
        "Payment partner",
        "Recovering: down for twelve seconds of every forty.",
        "/recovering?after=12&every=40",
        ("payment.captured",),
    ),
    _Member(
        "Old CRM",
        "Failing: answers 500 to everything; its circuit stays open.",
        "/failing?status=500",
        ("customer.updated",),
        {"retry": {"delays": [1, 2], "jitter": 0.1}},
    ),
    _Member(
        "Tax office", "Rejecting: answers 422, which is not retried.", "/status/422", ("invoice.corrected",)
    ),
    _Member(
        "Print shop",
        "Hanging: never answers; each attempt ends at its deadline.",
        "/hanging",
        ("label.requested",),
        {"timeout_seconds": 3.0, "max_in_flight": 4},
    ),
    _Member(
        "Newsletter",
        "Throttling: asks to wait five seconds, then takes it.",
        "/retry-after",
        ("reader.joined",),
    ),
)

_EVENTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("order.created", {"total": "49.90", "currency": "EUR", "items": 3}),
    ("payment.captured", {"amount": "49.90", "currency": "EUR", "method": "card"}),
    ("stock.changed", {"sku": "LANTERN-7", "left": 12}),
    ("order.shipped", {"carrier": "Parcel & Sons", "parcels": 1}),
    ("payment.captured", {"amount": "12.00", "currency": "EUR", "method": "transfer"}),
    ("invoice.paid", {"number": "2026-1140", "amount": "49.90"}),
    ("customer.updated", {"name": "Grete Møller", "city": "Århus"}),
    ("order.created", {"total": "8.00", "currency": "EUR", "items": 1}),
    ("payment.captured", {"amount": "8.00", "currency": "EUR", "method": "card"}),
    ("label.requested", {"format": "A6", "copies": 2}),
    ("invoice.corrected", {"number": "2026-1139", "amount": "45.90"}),
    ("reader.joined", {"list": "harbour-news"}),
)


async def prepare(runtime: Runtime, receiver_url: str) -> None:
    """Make the cast's endpoints where they are missing, and point those of an earlier demo at this receiver.

    Where something is still to be retried there, this comes before anything is sent: the earlier receiver's port may be
    anybody's by now, and is not allowed any more.
    """
    summaries = (await runtime.queries.endpoints.list(limit=MOST_LANES)).items
    known = [summary.endpoint for summary in summaries]
    for member in CAST:
        fields = member.fields(receiver_url)
        earlier = [endpoint for endpoint in known if member.was(endpoint)]
        if not earlier:
            await runtime.endpoints.create(fields, actor=_ACTOR)
        for endpoint in earlier:
            if endpoint.url != fields["url"]:
                await runtime.endpoints.update(endpoint.id, {"url": fields["url"]}, actor=_ACTOR)


class Traffic:
    """Sends the events in turn, for as long as the service runs."""

    def __init__(self, receiver_url: str, pause: float = PAUSE_SECONDS) -> None:
        self._receiver_url = receiver_url
        self._pause = pause

    async def prepare(self, runtime: Runtime) -> None:
        """Prepare the endpoints, before anything is sent to them."""
        await prepare(runtime, self._receiver_url)

    async def __call__(self, app: Litestar, _settings: Settings) -> None:
        """Send until cancelled."""
        runtime: Runtime = app.state.runtime
        for number, (event_type, fields) in enumerate(itertools.cycle(_EVENTS), start=1001):
            body = msgspec.json.encode({"number": number, **fields})
            try:
                await runtime.intake.accept(NewMessage(event_type=event_type, payload=body))
            except StoreUnavailable as unavailable:
                log.warning("demo.not_accepted", error=str(unavailable))
            await asyncio.sleep(self._pause)
