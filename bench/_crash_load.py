"""Send messages continuously while the service is killed and restarted."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from bench._load import Caller, calling, messages

_AWAY_SECONDS = 0.02
"""Between two attempts to connect while the service is down."""
_ENOUGH = 10**9


class Load(threading.Thread):
    """Sends messages in a thread of its own, and keeps the ids of accepted ones.

    A request whose connection broke is not counted: its message was not acknowledged.
    """

    def __init__(
        self, url: str, key: str, event_types: list[str], *, per_second: float, connections: int
    ) -> None:
        super().__init__(name="load", daemon=True)
        self._url = url
        self._key = key
        self._bodies: Iterator[bytes] = messages(_ENOUGH, event_types)
        self._pause = connections / per_second
        self._connections = connections
        self._over = threading.Event()
        self.accepted: list[str] = []
        """Message ids, in the order of their responses. Only appended to."""
        self.interrupted = 0
        """Requests whose connection broke: their messages may be stored, or not."""
        self.refused = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Stop sending; return after the final response."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Keep every connection busy until `end`."""
        asyncio.run(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(self._send_messages() for _ in range(self._connections)))

    async def _send_messages(self) -> None:
        while not self._over.is_set():
            with suppress(OSError, EOFError):
                async with calling(self._url, "/api/v1/messages", self._key) as caller:
                    await self._talk(caller)
            await asyncio.sleep(_AWAY_SECONDS)

    async def _talk(self, caller: Caller) -> None:
        while not self._over.is_set():
            self.interrupted += 1
            status, body = await caller.post(next(self._bodies))
            self.interrupted -= 1
            if status == 202:
                self.accepted.append(msgspec.json.decode(body)["id"])
            else:
                self.refused += 1
            await asyncio.sleep(self._pause)
