"""All lanes of this process: which to look at now, which later, and how many attempts the process may still begin."""

import heapq
from collections import deque
from collections.abc import Callable

from breakwater.core.delivery.endpoint_cache import DeliveryTarget, EndpointCache
from breakwater.core.delivery.lane import AwaitEvent, Fetch, Lane, LookAgainAt
from breakwater.core.domain.circuit import CircuitBreaker


class Lanes:
    """Decides in turn what each lane does next. Work is O(1) an event, however many endpoints there are."""

    def __init__(
        self, endpoint_cache: EndpointCache, cap: int, begin_claim: Callable[[Lane, int], None]
    ) -> None:
        self._directory = endpoint_cache
        self._cap = cap
        self._begin_claim = begin_claim
        self._lanes: dict[str, Lane] = {}
        self._timers: list[tuple[float, str]] = []
        self._starved: deque[str] = deque()
        self._busy: set[str] = set()
        self.in_flight = 0
        self.closed = False
        """No lane begins anything any more: the process drains."""

    def open(self, endpoint: DeliveryTarget, breaker: CircuitBreaker) -> Lane:
        """Return a lane for an endpoint that has none yet."""
        lane = self._lanes[endpoint.id] = Lane(endpoint, breaker)
        return lane

    def get(self, endpoint_id: str) -> Lane | None:
        """Return the lane of this endpoint; a new endpoint gets one whose circuit has counted nothing."""
        lane = self._lanes.get(endpoint_id)
        if lane is None and (endpoint := self._directory.get(endpoint_id)) is not None:
            return self.open(endpoint, CircuitBreaker(endpoint.circuit))
        return lane

    def reconfigure(self, endpoint_id: str, endpoint: DeliveryTarget | None, now: float) -> None:
        """Take an endpoint's changed settings; None forgets the lane of one that was deleted."""
        if endpoint is None:
            self._lanes.pop(endpoint_id, None)
        elif (lane := self._lanes.get(endpoint_id)) is not None:
            lane.reconfigure(endpoint)
            self.schedule(lane, now)

    def reserve(self, endpoint_id: str, now: float) -> int | None:
        """Take a slot for a delivery that is just being accepted; return its circuit's generation, or None."""
        lane = None if self.closed else self.get(endpoint_id)
        if lane is None or self._share(lane) <= 0 or not lane.reserve(now):
            return None
        self._count(lane, 1)
        return lane.breaker.generation

    def begin(self, lane: Lane, count: int) -> None:
        """Count attempts of a lane that begin."""
        lane.begin(count)
        self._count(lane, count)

    def end(self, lane: Lane, now: float) -> None:
        """Count an attempt that ended; give its room to its own lane, or to one that waits for it."""
        lane.end()
        self._count(lane, -1)
        self.schedule(lane, now)
        if self._starved and (waiting := self._lanes.get(self._starved.popleft())) is not None:
            self.schedule(waiting, now)

    def note_due(self, endpoint_id: str, due: float, now: float) -> None:
        """Note that the endpoint has a pending delivery due at `due`."""
        if (lane := self.get(endpoint_id)) is not None:
            lane.note_due(due)
            self.schedule(lane, now)

    def schedule(self, lane: Lane, now: float) -> None:
        """Let the lane take its next step."""
        if self.closed:
            return
        share = self._share(lane)
        match lane.step(now, share):
            case Fetch(limit=limit):
                self._begin_claim(lane, limit)
            case LookAgainAt(at=at):
                self._look_again(lane, at)
            case AwaitEvent():
                if share <= 0 and not lane.in_flight and lane.next_due is not None:
                    self._starved.append(lane.endpoint.id)

    def next_timer(self) -> float | None:
        """Return when a lane wants to be looked at again; None when none does."""
        return self._timers[0][0] if self._timers else None

    def schedule_due(self, now: float) -> None:
        """Look at every lane whose time has come."""
        while self._timers and self._timers[0][0] <= now:
            at, endpoint_id = heapq.heappop(self._timers)
            lane = self._lanes.get(endpoint_id)
            if lane is not None and lane.timer_at == at:
                lane.timer_at = None
                self.schedule(lane, now)

    def _look_again(self, lane: Lane, at: float) -> None:
        if lane.timer_at is None or at < lane.timer_at:
            lane.timer_at = at
            heapq.heappush(self._timers, (at, lane.endpoint.id))

    def _share(self, lane: Lane) -> int:
        """Return how many more attempts the lane may begin.

        Up to half of the process's limit goes to whoever asks; beyond that no lane holds more than an equal part, so
        that endpoints that hang cannot take the room of those that answer.
        """
        room = self._cap - self.in_flight
        if self.in_flight < self._cap // 2:
            return room
        equal_part = max(1, self._cap // max(1, len(self._busy)))
        return min(room, equal_part - lane.in_flight)

    def _count(self, lane: Lane, count: int) -> None:
        self.in_flight += count
        if lane.in_flight:
            self._busy.add(lane.endpoint.id)
        else:
            self._busy.discard(lane.endpoint.id)
