"""What people and tests ask of the receiver, by loopback names only: no other site's page may read it."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from breakwater.web.receiver import script as scripts
from breakwater.web.receiver.connection import Request, Response
from breakwater.web.receiver.log import Arrival, ReceiverLog
from breakwater.web.receiver.script import BadScript, Script, script_for

_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_MOST_OVERRIDES: Final = 1_000
GUIDE: Final = """\
GET /received?path=&limit=         the latest requests
GET /arrivals?path=                only their webhook ids and times
GET /stats                         figures for each path
DELETE /received                   forget all of it
PUT /control/failing?status=200    /failing answers 200 from now on, whatever its own query says
PUT /control/failing?as=/hanging   it behaves as another path
DELETE /control/failing            it is itself again; DELETE /control: all of them
"""
"""What can be asked, for people."""

Query = Mapping[str, str]


class ControlApi:
    """Tells what arrived, and takes orders what paths shall answer; `overrides` are those orders."""

    def __init__(self, log: ReceiverLog, host: str) -> None:
        self._log = log
        self._names = _LOOPBACK_NAMES | {host}
        self.overrides: dict[str, Script] = {}
        self._questions: dict[tuple[str, str], Callable[[Query], Response]] = {
            ("GET", "/"): self._help,
            ("GET", "/received"): self._received,
            ("DELETE", "/received"): self._forget,
            ("GET", "/arrivals"): self._arrivals,
            ("GET", "/stats"): self._stats,
            ("DELETE", "/control"): self._clear,
        }

    def answer(self, request: Request, path: str, query: str) -> Response:
        """Return the answer to a request that is no webhook."""
        host = request.header("host") or ""
        if not {host, host.rpartition(":")[0]} & self._names:
            return problem_response(403, "ask by a loopback name")
        question = self._questions.get((request.method, path))
        if question is not None:
            return question(dict(parse_qsl(query)))
        if path.startswith("/control/") and request.method in {"PUT", "DELETE"}:
            return self._control(request.method, path.removeprefix("/control"), query)
        return problem_response(405, "webhooks are POSTed; GET / says what else there is")

    def _help(self, _asked: Query) -> Response:
        words = f"{scripts.GUIDE}\n{GUIDE}"
        return Response(200, words.encode(), content_type="text/plain")

    def _chosen(self, asked: Query) -> list[Arrival]:
        return [arrival for arrival in self._log.arrivals if asked.get("path", arrival.path) == arrival.path]

    def _received(self, asked: Query) -> Response:
        chosen = self._chosen(asked)
        limit = int(asked["limit"]) if asked.get("limit", "").isdecimal() else 100
        latest = chosen[-limit:] if limit else []
        return _json({"count": len(chosen), "items": [arrival.to_dict() for arrival in latest]})

    def _arrivals(self, asked: Query) -> Response:
        return _json([(arrival.webhook_id, arrival.at) for arrival in self._chosen(asked)])

    def _stats(self, _asked: Query) -> Response:
        return _json({path: figures.to_dict() for path, figures in self._log.paths.items()})

    def _forget(self, _asked: Query) -> Response:
        self._log.forget()
        return _json({"forgotten": True})

    def _clear(self, _asked: Query) -> Response:
        self.overrides.clear()
        return self._orders()

    def _control(self, method: str, path: str, query: str) -> Response:
        if method == "DELETE":
            self.overrides.pop(path, None)
            return self._orders()
        if len(self.overrides) >= _MOST_OVERRIDES:
            return problem_response(400, f"there are {_MOST_OVERRIDES} orders: DELETE some")
        try:
            self.overrides[path] = script_for(dict(parse_qsl(query)).get("as", "/steady"), query)
        except BadScript as problem:
            return problem_response(400, str(problem))
        self._log.begin_anew(path)
        return self._orders()

    def _orders(self) -> Response:
        return _json({"overridden": sorted(self.overrides)})


def _json(value: object, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(value))


def problem_response(status: int, message: str) -> Response:
    """Return an error that says what to do instead."""
    return _json({"error": message}, status)
