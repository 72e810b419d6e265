"""The received requests and the counts per path. All of it is bounded, so that a receiver can run for days."""

import base64
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from breakwater.core.lru_map import LruMap

_MAX_WEBHOOKS: Final = 100_000
"""Webhooks whose requests are counted, for scripts with several steps."""
_MAX_PATHS: Final = 1_000
_OTHER_PATHS: Final = "(others)"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request and the status of its response; the status is None when there is no response."""

    at: float
    """Time of its last byte, in seconds since the epoch."""
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    """The body, cut at the receiver's body cap."""
    size: int
    status: int | None

    @property
    def webhook_id(self) -> str | None:
        """Return its `webhook-id` header."""
        return next((value for name, value in self.headers if name == "webhook-id"), None)

    def to_dict(self) -> dict[str, object]:
        """Return it for JSON, with the body as text if it is UTF-8 and as base64 otherwise."""
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
class PathCounts:
    """The counts of one path since the log was cleared."""

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


class RequestLog:
    """The latest requests, the counts of each path, and the number of requests of each webhook."""

    def __init__(self, keep: int) -> None:
        self.requests: deque[ReceivedRequest] = deque(maxlen=keep)
        self.paths: dict[str, PathCounts] = {}
        self._webhooks = LruMap[tuple[str, str], int](_MAX_WEBHOOKS)

    def begin(self, path: str, at: float) -> PathCounts:
        """Count a request that is in flight."""
        counts = self.paths.get(path)
        if counts is None:
            if len(self.paths) >= _MAX_PATHS:
                path = _OTHER_PATHS
            counts = self.paths.setdefault(path, PathCounts())
        if counts.first_at is None:
            counts.first_at = at
        counts.requests += 1
        counts.in_flight += 1
        counts.peak_in_flight = max(counts.peak_in_flight, counts.in_flight)
        return counts

    def count_webhook(self, path: str, webhook_id: str) -> int:
        """Return the number of earlier requests of this webhook to `path`, and count this one."""
        key = (path, webhook_id)
        earlier = self._webhooks.get(key) or 0
        self._webhooks[key] = earlier + 1
        return earlier

    def restart_recovery(self, path: str) -> None:
        """Start the time of `path`, which a recovering script measures, with its next request."""
        if path in self.paths:
            self.paths[path].first_at = None

    def clear(self) -> None:
        """Delete all requests and counts, except those in flight."""
        self.requests.clear()
        self._webhooks.clear()
        for counts in self.paths.values():
            counts.requests, counts.peak_in_flight, counts.first_at = 0, counts.in_flight, None
            counts.statuses.clear()
