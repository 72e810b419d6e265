"""What arrived: bounded, so that a receiver can run for days and through a benchmark."""

import base64
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

_REMEMBERED_WEBHOOKS: Final = 100_000
"""Webhooks whose number of visits is remembered, for scripts of several steps."""
_MOST_PATHS: Final = 1_000
_OTHER_PATHS: Final = "(others)"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request, and the status it was given; None for one that is left without an answer."""

    at: float
    """Seconds since the epoch when its last byte had arrived."""
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    """At most the first bytes that the receiver keeps."""
    size: int
    status: int | None

    @property
    def webhook_id(self) -> str | None:
        """Return the `webhook-id` it carried."""
        return next((value for name, value in self.headers if name == "webhook-id"), None)

    def to_dict(self) -> dict[str, object]:
        """Return it for JSON; the body as text where it is UTF-8, else as base64."""
        try:
            body: dict[str, str] = {"body": self.body.decode()}
        except UnicodeDecodeError:
            body = {"body_base64": base64.b64encode(self.body).decode()}
        return {
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "webhook_id": self.webhook_id,
            "status": self.status,
            "size": self.size,
            "headers": dict(self.headers),
            **body,
        }


@dataclass(slots=True)
class PathFigures:
    """What one path has seen since it was last forgotten."""

    requests: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    first_at: float | None = None
    statuses: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, object]:
        return {
            "requests": self.requests,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "statuses": dict(self.statuses),
        }


class ReceiverLog:
    """The latest arrivals, figures for each path, and how often each webhook came."""

    def __init__(self, keep: int) -> None:
        self.arrivals: deque[Arrival] = deque(maxlen=keep)
        self.paths: dict[str, PathFigures] = {}
        self._visits: OrderedDict[tuple[str, str], int] = OrderedDict()

    def begin(self, path: str, at: float) -> PathFigures:
        """Count a request that now waits for its answer."""
        figures = self.paths.get(path)
        if figures is None:
            if len(self.paths) >= _MOST_PATHS:
                path = _OTHER_PATHS
            figures = self.paths.setdefault(path, PathFigures())
        if figures.first_at is None:
            figures.first_at = at
        figures.requests += 1
        figures.in_flight += 1
        figures.peak_in_flight = max(figures.peak_in_flight, figures.in_flight)
        return figures

    def visit(self, path: str, webhook_id: str) -> int:
        """Return how often this webhook came to `path` before, and count this time."""
        key = (path, webhook_id)
        seen = self._visits.pop(key, 0)
        self._visits[key] = seen + 1
        if len(self._visits) > _REMEMBERED_WEBHOOKS:
            self._visits.popitem(last=False)
        return seen

    def begin_anew(self, path: str) -> None:
        """Let the life of `path`, which a recovering one counts in, begin with its next request."""
        if path in self.paths:
            self.paths[path].first_at = None

    def forget(self) -> None:
        """Forget everything but what is under way."""
        self.arrivals.clear()
        self._visits.clear()
        for figures in self.paths.values():
            figures.requests, figures.peak_in_flight, figures.first_at = 0, figures.in_flight, None
            figures.statuses.clear()
