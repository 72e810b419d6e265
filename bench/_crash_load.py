"""Messages handed in without a pause while the service dies and comes back: the caller that a crash test needs."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from bench._load import Caller, calling, messages

_AWAY_SECONDS = 0.02
"""Between two tries to connect while nobody listens."""
_ENOUGH = 10**9


class Load(threading.Thread):
    """Hands messages in from a thread of its own, and remembers those that were answered 202.

    What a connection was waiting for when it broke is forgotten: nobody promised anything about it.
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
        self.answered: list[str] = []
        """Message ids, in the order of their answers. Only ever appended to."""
        self.unanswered = 0
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
        """Hand in nothing more; return when the last answer is there."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Keep every connection busy until `end`."""
        asyncio.run(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(self._one() for _ in range(self._connections)))

    async def _one(self) -> None:
        while not self._over.is_set():
            with suppress(OSError, EOFError):
                async with calling(self._url, "/api/v1/messages", self._key) as caller:
                    await self._talk(caller)
            await asyncio.sleep(_AWAY_SECONDS)

    async def _talk(self, caller: Caller) -> None:
        while not self._over.is_set():
            self.unanswered += 1
            status, answer = await caller.post(next(self._bodies))
            self.unanswered -= 1
            if status == 202:
                self.answered.append(msgspec.json.decode(answer)["id"])
            else:
                self.refused += 1
            await asyncio.sleep(self._pause)
