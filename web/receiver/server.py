"""The receiver: listens on one address, answers webhooks by script, everything else by the desk."""

import asyncio
import time
from functools import partial
from typing import Final

import msgspec

from breakwater.web.receiver.connection import Connection, Reply, Request, Response
from breakwater.web.receiver.desk import ControlApi, problem_response
from breakwater.web.receiver.log import Arrival, PathFigures, ReceiverLog
from breakwater.web.receiver.script import BadScript, Behaviour, Script, script_for

_KNOWN_SCRIPTS: Final = 1_000
_ANSWERS: Final[dict[int, bytes]] = {}


def _answer(status: int, retry_after: str | None) -> Response:
    body = _ANSWERS.setdefault(status, msgspec.json.encode({"status": status, "from": "breakwater receiver"}))
    asks_to_wait = retry_after is not None and not 200 <= status < 300  # noqa: PLR2004 - 2xx
    return Response(status, body, (("retry-after", retry_after or ""),) if asks_to_wait else ())


class Receiver:
    """A receiver on `host` and `port` (0 takes a free one), keeping the latest `keep` requests."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, keep: int = 1_000, body_cap: int = 4_096
    ) -> None:
        self.host, self.port = host, port
        self.log = ReceiverLog(keep)
        self._body_cap = body_cap
        self._desk = ControlApi(self.log, host)
        self._scripts: dict[tuple[str, str], Script] = {}
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Return its origin, such as `http://127.0.0.1:8421`."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises `OSError` when the address is taken or not this machine's."""
        loop = asyncio.get_running_loop()
        make = partial(Connection, self._handle, self._connections, self._body_cap)
        self._server = await loop.create_server(make, self.host, self.port, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end every connection, hanging ones too."""
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
            reply.send(self._desk.answer(request, path, query))

    # what arrives

    def _receive(self, request: Request, path: str, query: str, reply: Reply) -> None:
        at = time.time()
        try:
            script = self._desk.overrides.get(path) or self._script(path, query)
        except BadScript as problem:
            reply.send(problem_response(400, str(problem)))
            return
        figures = self.log.begin(path, at)
        status = self._status(script, path, request, at - (figures.first_at or at))
        self._remember(request, path, query, at, status)
        if status is None:
            figures.statuses[script.manner] += 1
            self._leave_open(script, figures, reply)
        elif script.delay_seconds:
            response = _answer(status, script.retry_after)
            asyncio.get_running_loop().call_later(
                script.delay_seconds, self._finish, figures, reply, response
            )
        else:
            self._finish(figures, reply, _answer(status, script.retry_after))

    def _script(self, path: str, query: str) -> Script:
        known = self._scripts.get((path, query))
        if known is None:
            known = script_for(path, query)
            if len(self._scripts) < _KNOWN_SCRIPTS:
                self._scripts[path, query] = known
        return known

    def _status(self, script: Script, path: str, request: Request, age: float) -> int | None:
        if script.manner is not Behaviour.ANSWER:
            return None
        steps = len(script.statuses) > 1
        seen = self.log.visit(path, request.header("webhook-id") or "") if steps else 0
        return script.status_at(seen=seen, age=age)

    def _remember(self, request: Request, path: str, query: str, at: float, status: int | None) -> None:
        headers, body = tuple(request.headers), bytes(request.body)
        self.log.arrivals.append(
            Arrival(at, request.method, path, query, headers, body, request.size, status)
        )

    @staticmethod
    def _finish(figures: PathFigures, reply: Reply, response: Response) -> None:
        figures.in_flight -= 1
        figures.statuses[str(response.status)] += 1
        reply.send(response)

    @staticmethod
    def _leave_open(script: Script, figures: PathFigures, reply: Reply) -> None:
        def ended(_gone: asyncio.Future[None]) -> None:
            figures.in_flight -= 1

        reply.gone.add_done_callback(ended)
        if script.manner is Behaviour.DROP:
            asyncio.get_running_loop().call_later(script.delay_seconds, reply.drop)
