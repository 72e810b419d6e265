"""The requests of `bench/pages.py`: each route, with common filters and with expensive ones."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from litestar import Litestar
from litestar.routes import HTTPRoute

from bench._pages_history import Stored

_NO_PAGES: Final = ("/api/", "/health/", "/metrics", "/schema", "/static/", "/events")
_NOT_THERE: Final = "no such text anywhere"
SEARCHES: Final = ("order.paid", _NOT_THERE, "key-77777", "599 nothing like it")


@dataclass(frozen=True)
class PageRequest:
    """One page."""

    route: str
    """The pattern in the application: `/deliveries/{delivery_id}`."""
    path: str
    """Path and query."""
    to_first_byte: bool = False
    """A download: the time to the first byte counts."""


def page_routes(app: Litestar) -> set[str]:
    """Return the routes of all pages."""
    return {
        route.path_format
        for route in app.routes
        if isinstance(route, HTTPRoute)
        and "GET" in route.methods
        and not route.path_format.startswith(_NO_PAGES)
    }


def uncovered(app: Litestar, requests: Iterable[PageRequest]) -> set[str]:
    """Return the routes of pages that no request covers."""
    covered = {page.route for page in requests if _pattern(page.route).fullmatch(page.path.partition("?")[0])}
    return page_routes(app) - covered


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(route)))


def every_page(stored: Stored) -> Iterator[PageRequest]:
    """Yield every page that is measured."""
    for span in ("1h", "24h", "7d"):
        yield _page("/", range=span)
        yield _page("/endpoints/{endpoint_id}", stored.alive, range=span)
        yield _page("/endpoints/{endpoint_id}", stored.dead, range=span)
    yield _page("/endpoints/{endpoint_id}", stored.deleted)
    for query in filters(stored):
        yield _page("/deliveries", **query)
    for query in _of_failures(stored):
        yield _page("/deliveries/causes", **query)
    for delivery in (stored.delivered, stored.held, stored.tried_often):
        yield _page("/deliveries/{delivery_id}", delivery)
    for query in _replayed(stored):
        yield _page("/replays/new", **query)
    yield _page("/replays")
    yield _page("/replays/{replay_id}", stored.replay)
    yield _page("/replays/{replay_id}", stored.replay, after=stored.delivered)
    yield _page("/messages/{message_id}", stored.message)
    yield _page("/messages/{message_id}", stored.wide_message)
    yield _page("/created/{created_id}", stored.alive)
    yield from _of_people(stored)


def _page(route: str, subject: str = "", /, **query: str) -> PageRequest:
    path = re.sub(r"\{\w+\}", subject, route)
    return PageRequest(route, f"{path}?{urlencode(query)}" if query else path)


def filters(stored: Stored) -> Iterator[dict[str, str]]:
    """Yield filters of the list of deliveries."""
    yield {}
    for status in (
        "pending,in_flight",
        "retrying",
        "held",
        "failed",
        "delivered",
        "cancelled",
        "failed,held,cancelled",
    ):
        yield {"status": status}
    yield {"endpoint": stored.alive}
    yield {"endpoint": stored.alive, "status": "failed"}
    yield {"endpoint": stored.dead, "status": "held"}
    yield {"event_type": "order.refunded"}
    yield {"event_type": "order.refunded", "status": "failed"}
    yield {"event_type": "order.created", "status": "delivered"}
    yield {"class": "tls"}
    yield {"class": "server_error"}
    yield {"class": "server_error", "status": "failed", "event_type": "order.refunded"}
    yield {"class": "server_error", "error": "503 …"}
    yield {"since": "1h"}
    yield {"since": "24h", "status": "failed"}
    yield {"since": "6d", "until": "5d", "status": "failed"}
    for text in SEARCHES:
        yield {"q": text}
    yield {"q": _NOT_THERE, "status": "failed"}
    yield {"q": "refused", "status": "failed", "since": "24h"}
    for id_ in (stored.delivered, stored.message, stored.delivered[:12]):
        yield {"q": id_}


def _of_failures(stored: Stored) -> Iterator[dict[str, str]]:
    """Yield filters of failures by cause."""
    yield from (
        {},
        {"status": "failed"},
        {"status": "retrying"},
        {"endpoint": stored.alive},
        {"class": "server_error"},
        {"since": "24h"},
        {"q": "refused"},
        {"q": _NOT_THERE},
    )


def _replayed(stored: Stored) -> Iterator[dict[str, str]]:
    """Yield filters of dry runs: a few deliveries, more than 10,000, and all."""
    yield from (
        {},
        {"status": "failed"},
        {"status": "failed", "endpoint": stored.alive},
        {"status": "failed", "since": "1h"},
        {"status": "delivered"},
        {"class": "server_error"},
        {"class": "server_error", "error": "503 …"},
        {"event_type": "order.refunded"},
        {"event_type": "order.refunded", "status": "failed"},
        {"endpoint": stored.alive},
        {"since": "24h"},
        {"q": stored.delivered},
        {"q": "refused", "status": "failed"},
        {"q": _NOT_THERE},
    )


def _of_people(stored: Stored) -> Iterator[PageRequest]:
    yield _page("/circuits")
    yield _page("/endpoints")
    yield _page("/endpoints/new")
    yield _page("/endpoints/{endpoint_id}/edit", stored.alive)
    for query in (
        {},
        {"actor": "person:p3"},
        {"action": "circuit.reset"},
        {"actor": "person:p3", "action": "circuit.reset"},
        {"actor": "person:nobody", "action": "circuit.reset"},
        {"subject": stored.alive},
    ):
        yield _page("/audit", **query)
        yield PageRequest("/audit.csv", _page("/audit.csv", **query).path, to_first_byte=True)
    yield _page("/settings")
    yield _page("/sign-in")
    yield _page("/welcome")
