"""Runs the lanes of this process, and shares the process's slots among them."""

import heapq
from collections.abc import Callable
from typing import Final, assert_never

from breakwater.core.delivery.endpoint_cache import DeliveryTarget, EndpointCache
from breakwater.core.delivery.lane import Fetch, Lane, WaitForEvent, WaitForSlot, WaitUntil
from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.ports import Clock

_SPARE_TIMERS: Final = 64
"""Timers that may be left over before the heap is rebuilt."""


class Slot:
    """Room for one attempt: one of its lane's and one of the process's. Its holder releases it."""

    __slots__ = ("_release", "generation", "lane", "released")

    def __init__(self, lane: Lane, release: Callable[[Lane], None]) -> None:
        self.lane = lane
        self.generation = lane.breaker.generation
        """Of the circuit that admits the attempt."""
        self.released = False
        self._release = release

    def release(self) -> None:
        """Give the room back. Only the first call does."""
        if not self.released:
            self.released = True
            self._release(self.lane)


class Scheduler:
    """Decides which lane fetches deliveries next. Each event costs O(1), however many endpoints there are."""

    def __init__(
        self,
        endpoint_cache: EndpointCache,
        clock: Clock,
        *,
        max_in_flight: int,
        fetch: Callable[[Lane, int], None],
        on_timer: Callable[[], None],
    ) -> None:
        """Share `max_in_flight` slots.

        `fetch` starts to claim up to so many deliveries of a lane. `on_timer` is called when `next_timer` gets earlier.
        """
        self._endpoint_cache = endpoint_cache
        self._clock = clock
        self._max_in_flight = max_in_flight
        self._fetch = fetch
        self._on_timer = on_timer
        self._lanes: dict[str, Lane] = {}
        self._timers: list[tuple[float, str]] = []
        """A heap. An entry counts only while it is the time of its lane's timer."""
        self._waiting_for_slot: dict[Lane, None] = {}
        """An ordered set, longest wait first."""
        self._busy: set[Lane] = set()
        """Lanes with a slot taken."""
        self.in_flight = 0
        """Slots taken, in all lanes."""
        self.closed = False
        """No lane fetches or reserves any more: the process drains."""

    def open_lane(self, endpoint: DeliveryTarget, breaker: CircuitBreaker) -> Lane:
        """Return a new lane for an endpoint that has none."""
        lane = self._lanes[endpoint.id] = Lane(endpoint, breaker)
        return lane

    def lane(self, endpoint_id: str) -> Lane | None:
        """Return the lane of this endpoint, or None when the endpoint does not exist.

        The lane of a new endpoint starts with a closed circuit.
        """
        lane = self._lanes.get(endpoint_id)
        if lane is None and (endpoint := self._endpoint_cache.get(endpoint_id)) is not None:
            return self.open_lane(endpoint, CircuitBreaker(endpoint.circuit))
        return lane

    def reconfigure(self, endpoint_id: str, endpoint: DeliveryTarget | None) -> None:
        """Adopt an endpoint's changed settings; None removes the lane of an endpoint that was deleted."""
        if endpoint is None:
            self._remove(endpoint_id)
        elif (lane := self._lanes.get(endpoint_id)) is not None:
            lane.reconfigure(endpoint)
            self.schedule(lane)

    def _remove(self, endpoint_id: str) -> None:
        lane = self._lanes.pop(endpoint_id, None)
        if lane is not None:
            lane.removed = True
            self._waiting_for_slot.pop(lane, None)

    # --- slots

    def reserve(self, endpoint_id: str) -> Slot | None:
        """Take a slot for a delivery that is just being accepted; None when it has to wait for its turn."""
        lane = None if self.closed else self.lane(endpoint_id)
        if lane is None or self._share(lane) <= 0 or not lane.admits_new(self._clock.now()):
            return None
        return self.take_slot(lane)

    def take_slot(self, lane: Lane) -> Slot:
        """Take a slot for a delivery that is claimed already, whether or not there is room."""
        lane.take_slot()
        self.in_flight += 1
        self._busy.add(lane)
        return Slot(lane, self._on_release)

    def _on_release(self, lane: Lane) -> None:
        lane.release_slot()
        self.in_flight -= 1
        if not lane.in_flight:
            self._busy.discard(lane)
        now = self._clock.now()
        self._schedule(lane, now)
        self._offer_room(now)

    def _offer_room(self, now: float) -> None:
        """Give free room to the lane that waits longest. One that cannot use it is passed over."""
        while self._waiting_for_slot and self.in_flight < self._max_in_flight:
            lane = next(iter(self._waiting_for_slot))
            del self._waiting_for_slot[lane]
            if self._schedule(lane, now):
                return

    def _share(self, lane: Lane) -> int:
        """Return how many more slots the lane may take.

        The first half of the process's slots goes to any lane that asks. Beyond that, a lane gets at most an equal
        part, so that endpoints that hang cannot take the room of the others.
        """
        room = self._max_in_flight - self.in_flight
        if self.in_flight < self._max_in_flight // 2:
            return room
        equal_part = max(1, self._max_in_flight // max(1, len(self._busy)))
        return min(room, equal_part - lane.in_flight)

    # --- steps

    def note_due(self, endpoint_id: str, due: float | None = None) -> None:
        """Note that the endpoint has a pending delivery, due now by default."""
        if (lane := self.lane(endpoint_id)) is not None:
            now = self._clock.now()
            lane.note_due(now if due is None else due)
            self._schedule(lane, now)

    def end_fetch(self, lane: Lane, next_due: float | None) -> None:
        """End what `fetch` started; `next_due` is when the oldest delivery still pending is due."""
        lane.end_claim(next_due)
        now = self._clock.now()
        self._schedule(lane, now)
        self._offer_room(now)

    def schedule(self, lane: Lane) -> None:
        """Let the lane take its next step."""
        self._schedule(lane, self._clock.now())

    def _schedule(self, lane: Lane, now: float) -> bool:
        """Let the lane take its next step; return whether it fetches."""
        if self.closed or lane.removed:
            return False
        step = lane.next_step(now, self._share(lane))
        match step:
            case Fetch(limit=limit):
                lane.begin_claim()
                self._fetch(lane, limit)
                return True
            case WaitUntil(at=at):
                self._set_timer(lane, at)
            case WaitForSlot():
                self._waiting_for_slot[lane] = None
            case WaitForEvent():
                pass
            case _:
                assert_never(step)
        return False

    # --- timers

    def next_timer(self) -> float | None:
        """Return when `run_timers` has something to do; None when no lane waits for a time."""
        return self._timers[0][0] if self._timers else None

    def run_timers(self) -> None:
        """Schedule every lane whose time has come, each once, even if it asks for the same time again."""
        now = self._clock.now()
        for lane in self._pop_due(now):
            self._schedule(lane, now)

    def _pop_due(self, now: float) -> list[Lane]:
        due: list[Lane] = []
        while self._timers and self._timers[0][0] <= now:
            at, endpoint_id = heapq.heappop(self._timers)
            lane = self._lanes.get(endpoint_id)
            if lane is not None and lane.timer_at == at:
                lane.timer_at = None
                due.append(lane)
        return due

    def _set_timer(self, lane: Lane, at: float) -> None:
        if lane.timer_at is not None and lane.timer_at <= at:
            return
        lane.timer_at = at
        earliest = self.next_timer()
        heapq.heappush(self._timers, (at, lane.endpoint.id))
        if len(self._timers) > 2 * len(self._lanes) + _SPARE_TIMERS:
            self._drop_replaced_timers()
        if earliest is None or at < earliest:
            self._on_timer()

    def _drop_replaced_timers(self) -> None:
        self._timers = [
            (lane.timer_at, id_) for id_, lane in self._lanes.items() if lane.timer_at is not None
        ]
        heapq.heapify(self._timers)
