"""Lets a few requests and events through per turn of the event loop, so that a burst does not delay everything else.

The event loop runs all that is ready before it looks for new events. Of a thousand requests that arrive together, each
would take its first step in one turn, and a probe of the service's health would wait for all of them. The same holds
for the events of a thousand streams, and for the end of a thousand streams.
"""

import asyncio
from collections import deque
from typing import Final

from breakwater.web.security.middleware import App, Message, Receive, Scope, Send

PER_TURN: Final = 4
_NOT_QUEUED: Final = frozenset({"/health/live", "/health/ready"})
_STREAMS: Final = "/events"


class Turns:
    """Admits `PER_TURN` callers per turn of the event loop, in their order."""

    def __init__(self) -> None:
        self._left = PER_TURN
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False

    async def take(self) -> None:
        """Return when it is the caller's turn: immediately when few callers wait."""
        if not self._is_scheduled:
            self._schedule()
        if self._left > 0 and not self._waiting:
            self._left -= 1
            return
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(admitted)
        await admitted

    def _schedule(self) -> None:
        self._is_scheduled = True
        asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._is_scheduled = False
        self._left = PER_TURN
        while self._waiting and self._left > 0:
            admitted = self._waiting.popleft()
            if not admitted.done():  # its task may have been cancelled
                admitted.set_result(None)
                self._left -= 1
        if self._waiting:
            self._schedule()


class StartQueue:
    """ASGI middleware around the framework: requests start in turns, and streams end in turns.

    The hot path of messages is outside: it costs little, and messages that are accepted together share a commit.
    """

    def __init__(self, app: App, turns: Turns) -> None:
        self._app = app
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection when its turn comes. Health checks do not wait."""
        if scope["type"] == "http" and scope["path"] not in _NOT_QUEUED:
            await self._turns.take()
            if scope["path"] == _STREAMS:
                receive = self._in_turn(receive)
        await self._app(scope, receive, send)

    def _in_turn(self, receive: Receive) -> Receive:
        async def receive_in_turn() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                await self._turns.take()
            return message

        return receive_in_turn
