"""The demo: endpoints that behave differently on a scripted receiver, and light traffic for them.

Within a minute deliveries succeed, are retried and fail, and a circuit opens, probes and closes. Retry schedules and
cooldowns are short for that purpose; everything else is as in production.
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
from breakwater.core.queries.circuits.pages import MAX_PAGE_ENDPOINTS
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.core.runtime import Runtime
from breakwater.core.settings import Settings

log = structlog.get_logger("breakwater.demo")

PAUSE_SECONDS: Final = 0.5
"""Pause between two messages."""
_ACTOR: Final = "breakwater"
_QUICK_RETRIES: Final = {"delays": [1, 2, 4], "jitter": 0.1}
_QUICK_CIRCUIT: Final = {"failure_threshold": 3, "timeout_seconds": 6.0, "max_timeout_seconds": 12.0}


@dataclass(frozen=True, slots=True)
class _DemoEndpoint:
    """One endpoint of the demo."""

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

    def matches(self, endpoint: EndpointView) -> bool:
        """Return whether an endpoint of an earlier demo is this one, even if it was renamed."""
        origin, _, path = endpoint.url.removeprefix("http://").partition("/")
        return endpoint.name == self.name or (origin.startswith("127.0.0.1:") and f"/{path}" == self.path)


DEMO_ENDPOINTS: Final = (
    _DemoEndpoint(
        "Order archive", "Steady: responds immediately.", "/steady/orders", ("order.created", "order.shipped")
    ),
    _DemoEndpoint("Monthly reports", "Slow: responds after one second.", "/slow?ms=1000", ("invoice.paid",)),
    _DemoEndpoint("Stock sync", "Flaky: fails each webhook once.", "/flaky?fail=1", ("stock.changed",)),
    _DemoEndpoint(
        "Payment partner",
        "Recovering: down for 12 of every 40 seconds.",
        "/recovering?after=12&every=40",
        ("payment.captured",),
    ),
    _DemoEndpoint(
        "Old CRM",
        "Failing: always responds 500; its circuit stays open.",
        "/failing?status=500",
        ("customer.updated",),
        {"retry": {"delays": [1, 2], "jitter": 0.1}},
    ),
    _DemoEndpoint(
        "Tax office", "Rejecting: responds 422, which is not retried.", "/status/422", ("invoice.corrected",)
    ),
    _DemoEndpoint(
        "Print shop",
        "Hanging: never responds; each attempt times out.",
        "/hanging",
        ("label.requested",),
        {"timeout_seconds": 3.0, "max_in_flight": 4},
    ),
    _DemoEndpoint(
        "Newsletter",
        "Throttling: responds 429 with Retry-After 5 s, then accepts.",
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
    ("reader.joined", {"list": "port-news"}),
)


async def prepare(runtime: Runtime, receiver_url: str) -> None:
    """Create missing demo endpoints, and point those of an earlier demo at this receiver.

    Call it before delivering starts. Pending deliveries would otherwise go to the earlier receiver's port, which is no
    longer allowed and which another program can hold.
    """
    summaries = (await runtime.queries.endpoints.list(limit=MAX_PAGE_ENDPOINTS)).items
    existing = [summary.endpoint for summary in summaries]
    for demo_endpoint in DEMO_ENDPOINTS:
        fields = demo_endpoint.fields(receiver_url)
        earlier = [endpoint for endpoint in existing if demo_endpoint.matches(endpoint)]
        if not earlier:
            await runtime.endpoints.create(fields, actor=_ACTOR)
        for endpoint in earlier:
            if endpoint.url != fields["url"]:
                await runtime.endpoints.update(endpoint.id, {"url": fields["url"]}, actor=_ACTOR)


class Traffic:
    """Sends the demo's events in turn while the service runs."""

    def __init__(self, receiver_url: str, pause: float = PAUSE_SECONDS) -> None:
        self._receiver_url = receiver_url
        self._pause = pause

    async def prepare(self, runtime: Runtime) -> None:
        """Create or update the demo's endpoints."""
        await prepare(runtime, self._receiver_url)

    async def __call__(self, app: Litestar, _settings: Settings) -> None:
        """Send events until cancelled."""
        runtime: Runtime = app.state.runtime
        for number, (event_type, fields) in enumerate(itertools.cycle(_EVENTS), start=1001):
            body = msgspec.json.encode({"number": number, **fields})
            try:
                await runtime.intake.accept(NewMessage(event_type=event_type, payload=body))
            except StoreUnavailable as unavailable:
                log.warning("demo.not_accepted", error=str(unavailable))
            await asyncio.sleep(self._pause)
