"""The control API of the receiver: list received requests and override how paths respond.

It serves loopback host names only, so that a page of another site cannot read it through DNS rebinding.
"""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from breakwater.web.receiver import script as scripts
from breakwater.web.receiver.connection import Request, Response
from breakwater.web.receiver.request_log import ReceivedRequest, RequestLog
from breakwater.web.receiver.script import InvalidScript, Script, script_for

_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_MAX_OVERRIDES: Final = 1_000
_DEFAULT_LIMIT: Final = 100
GUIDE: Final = """\
GET /received?path=&limit=         the latest requests
GET /arrivals?path=                only their webhook ids and times
GET /stats                         counts per path
DELETE /received                   delete all received requests and counts
PUT /control/failing?status=200    /failing responds 200 from now on, whatever its own query says
PUT /control/failing?as=/hanging   /failing behaves as /hanging
DELETE /control/failing            remove the override; DELETE /control removes all
"""
"""The control API in the help text."""

Query = Mapping[str, str]


class ControlApi:
    """Reports received requests and sets `overrides`, the scripts that replace those of their paths."""

    def __init__(self, log: RequestLog, host: str) -> None:
        self._log = log
        self._names = _LOOPBACK_NAMES | {host}
        self.overrides: dict[str, Script] = {}
        self._routes: dict[tuple[str, str], Callable[[Query], Response]] = {
            ("GET", "/"): self._help,
            ("GET", "/received"): self._received,
            ("DELETE", "/received"): self._clear_log,
            ("GET", "/arrivals"): self._arrivals,
            ("GET", "/stats"): self._stats,
            ("DELETE", "/control"): self._clear_overrides,
        }

    def respond(self, request: Request, path: str, query: str) -> Response:
        """Return the response to a request that is not a webhook."""
        host = request.header("host") or ""
        if not {host, host.rpartition(":")[0]} & self._names:
            return problem_response(403, "this host name is not allowed: use 127.0.0.1 or localhost")
        route = self._routes.get((request.method, path))
        if route is not None:
            return route(dict(parse_qsl(query)))
        if path.startswith("/control/") and request.method in {"PUT", "DELETE"}:
            return self._override(request.method, path.removeprefix("/control"), query)
        return problem_response(405, "send webhooks with POST; GET / lists the other requests")

    def _help(self, _query: Query) -> Response:
        text = f"{scripts.GUIDE}\n{GUIDE}"
        return Response(200, text.encode(), content_type="text/plain")

    def _requests(self, query: Query) -> list[ReceivedRequest]:
        path = query.get("path")
        return [request for request in self._log.requests if path in {None, request.path}]

    def _received(self, query: Query) -> Response:
        requests = self._requests(query)
        limit = int(query["limit"]) if query.get("limit", "").isdecimal() else _DEFAULT_LIMIT
        latest = requests[-limit:] if limit else []
        return _json({"count": len(requests), "items": [request.to_dict() for request in latest]})

    def _arrivals(self, query: Query) -> Response:
        return _json([(request.webhook_id, request.at) for request in self._requests(query)])

    def _stats(self, _query: Query) -> Response:
        return _json({path: counts.to_dict() for path, counts in self._log.paths.items()})

    def _clear_log(self, _query: Query) -> Response:
        self._log.clear()
        return _json({"forgotten": True})

    def _clear_overrides(self, _query: Query) -> Response:
        self.overrides.clear()
        return self._list_overrides()

    def _override(self, method: str, path: str, query: str) -> Response:
        if method == "DELETE":
            self.overrides.pop(path, None)
            return self._list_overrides()
        if len(self.overrides) >= _MAX_OVERRIDES:
            return problem_response(400, f"there are already {_MAX_OVERRIDES} overrides: DELETE some")
        try:
            self.overrides[path] = script_for(dict(parse_qsl(query)).get("as", "/steady"), query)
        except InvalidScript as error:
            return problem_response(400, str(error))
        self._log.restart_recovery(path)
        return self._list_overrides()

    def _list_overrides(self) -> Response:
        return _json({"overridden": sorted(self.overrides)})


def _json(value: object, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(value))


def problem_response(status: int, message: str) -> Response:
    """Return an error response whose message names the remedy."""
    return _json({"error": message}, status)
