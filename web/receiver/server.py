"""The receiver: a POST is a webhook and is handled by its script, any other request by the control API."""

import asyncio
import time
from functools import partial
from typing import Final

import msgspec

from breakwater.core.lru_map import LruMap
from breakwater.web.receiver.connection import Connection, Reply, Request, Response
from breakwater.web.receiver.control_api import ControlApi, problem_response
from breakwater.web.receiver.request_log import PathCounts, ReceivedRequest, RequestLog
from breakwater.web.receiver.script import Behaviour, InvalidScript, Script, script_for

_MAX_CACHED_SCRIPTS: Final = 1_000
_BODIES: Final[dict[int, bytes]] = {}


def _response(status: int, retry_after: str | None) -> Response:
    body = _BODIES.setdefault(status, msgspec.json.encode({"status": status, "from": "breakwater receiver"}))
    is_success = 200 <= status < 300  # noqa: PLR2004 - 2xx
    headers = () if retry_after is None or is_success else (("retry-after", retry_after),)
    return Response(status, body, headers)


class Receiver:
    """A receiver on `host` and `port` (0 takes a free port) that keeps the latest `keep` requests."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, keep: int = 1_000, body_cap: int = 4_096
    ) -> None:
        self.host, self.port = host, port
        self.log = RequestLog(keep)
        self._body_cap = body_cap
        self._control_api = ControlApi(self.log, host)
        self._scripts = LruMap[tuple[str, str], Script](_MAX_CACHED_SCRIPTS)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Return its origin, such as `http://127.0.0.1:8421`."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises `OSError` when the address is in use or not on this machine."""
        loop = asyncio.get_running_loop()
        create_connection = partial(Connection, self._handle, self._connections, self._body_cap)
        self._server = await loop.create_server(create_connection, self.host, self.port, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and close every connection, also hanging ones."""
        if self._server is not None:
            self._server.close()
            for connection in tuple(self._connections):
                connection.drop()
            await self._server.wait_closed()
            self._server = None

    def _handle(self, request: Request, reply: Reply) -> None:
        path, _, query = request.target.decode("latin-1").partition("?")
        if request.method == "POST":
            self._receive(request, path, query, reply)
        else:
            reply.send(self._control_api.respond(request, path, query))

    def _receive(self, request: Request, path: str, query: str, reply: Reply) -> None:
        at = time.time()
        try:
            script = self._control_api.overrides.get(path) or self._script(path, query)
        except InvalidScript as error:
            reply.send(problem_response(400, str(error)))
            return
        counts = self.log.begin(path, at)
        status = self._status(script, path, request, at - (counts.first_at or at))
        self._log_request(request, path, query, at, status)
        if status is None:
            counts.statuses[script.behaviour] += 1
            self._leave_open(script, counts, reply)
        elif script.delay_seconds:
            response = _response(status, script.retry_after)
            asyncio.get_running_loop().call_later(script.delay_seconds, self._finish, counts, reply, response)
        else:
            self._finish(counts, reply, _response(status, script.retry_after))

    def _script(self, path: str, query: str) -> Script:
        script = self._scripts.get((path, query))
        if script is None:
            script = self._scripts[path, query] = script_for(path, query)
        return script

    def _status(self, script: Script, path: str, request: Request, age: float) -> int | None:
        if script.behaviour is not Behaviour.RESPOND:
            return None
        has_steps = len(script.statuses) > 1
        webhook_id = request.header("webhook-id") or ""
        earlier_requests = self.log.count_webhook(path, webhook_id) if has_steps else 0
        return script.status_at(earlier_requests=earlier_requests, age=age)

    def _log_request(self, request: Request, path: str, query: str, at: float, status: int | None) -> None:
        headers, body = tuple(request.headers), bytes(request.body)
        self.log.requests.append(
            ReceivedRequest(at, request.method, path, query, headers, body, request.size, status)
        )

    @staticmethod
    def _finish(counts: PathCounts, reply: Reply, response: Response) -> None:
        counts.in_flight -= 1
        counts.statuses[str(response.status)] += 1
        reply.send(response)

    @staticmethod
    def _leave_open(script: Script, counts: PathCounts, reply: Reply) -> None:
        def on_gone(_gone: asyncio.Future[None]) -> None:
            counts.in_flight -= 1

        reply.gone.add_done_callback(on_gone)
        if script.behaviour is Behaviour.DROP:
            asyncio.get_running_loop().call_later(script.delay_seconds, reply.drop)
