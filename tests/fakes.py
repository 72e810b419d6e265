"""A clock and a sender that tests control."""

import asyncio
import heapq
from collections import defaultdict, deque
from collections.abc import Callable
from itertools import count

from breakwater.core.domain.outcome import Outcome, Response
from breakwater.core.ports import OutboundRequest


class ManualClock:
    """Time moves only by `advance`; sleepers wake in the order of their deadlines."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self.wall_offset = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self.wall_offset

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; each sleeper wakes at its own time and runs before time continues."""
        until = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            deadline, _, woken = heapq.heappop(self._sleepers)
            if woken.done():
                continue
            self._now = max(self._now, deadline)
            woken.set_result(None)
            await settle()
        self._now = until
        await settle()

    async def leap(self, seconds: float) -> None:
        """Jump by `seconds`: sleepers that are due wake late, as on a suspended machine."""
        self._now += seconds
        await self.advance(0.0)


async def settle(turns: int = 20) -> None:
    """Let tasks that are ready run."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def eventually(holds: Callable[[], object], within: float = 5.0) -> None:
    """Wait until `holds()` is true: for threads and sockets, never for a schedule."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - the condition has no event to wait for
            await asyncio.sleep(0.002)


ScriptedResponse = Outcome | Callable[[OutboundRequest], Outcome]


class ScriptedSender:
    """A sender with a script of responses per host and a default; it keeps the requests."""

    def __init__(self, default: ScriptedResponse | None = None) -> None:
        self.default: ScriptedResponse = default or Response(200)
        self.requests: list[OutboundRequest] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._scripts: dict[str, deque[ScriptedResponse]] = defaultdict(deque)
        self._gate = asyncio.Event()
        self._gate.set()

    def script(self, host: str, *responses: ScriptedResponse) -> None:
        """Respond to the next requests to `host` with these outcomes."""
        self._scripts[host].extend(responses)

    def hold(self) -> None:
        """Let requests hang until `release`."""
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    def sent_to(self, host: str) -> list[OutboundRequest]:
        return [request for request in self.requests if request.target.host == host]

    async def send(self, request: OutboundRequest) -> Outcome:
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self._gate.wait()
            script = self._scripts[request.target.host]
            response = script.popleft() if script else self.default
            return response(request) if callable(response) else response
        finally:
            self.in_flight -= 1

    async def close(self) -> None:
        self._gate.set()
