"""One lane: all due deliveries of one endpoint, with its concurrency, rate and circuit. Decides, does nothing."""

from dataclasses import dataclass
from typing import Final

from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.domain.circuit import CircuitBreaker, CircuitState
from breakwater.core.domain.states import EndpointState


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask the store for up to `limit` deliveries now."""

    limit: int


@dataclass(frozen=True, slots=True)
class LookAgainAt:
    """Nothing to do before this time (seconds since the epoch)."""

    at: float


@dataclass(frozen=True, slots=True)
class AwaitEvent:
    """Only a new delivery, a result, or a person changes anything here."""


Step = Fetch | LookAgainAt | AwaitEvent


_ROUNDING: Final = 1e-6
"""Of a token: seconds since the epoch as floats know a quarter of a microsecond, and a token must not miss its turn."""


class Rate:
    """A token bucket that holds at most one second's worth."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._tokens = max(1.0, per_second) if per_second is not None else 0.0
        self._filled_at = 0.0

    def available(self, now: float) -> int | None:
        """Return how many attempts may begin now; None when there is no limit."""
        if self._per_second is None:
            return None
        grown = max(0.0, now - self._filled_at) * self._per_second
        self._tokens = min(max(1.0, self._per_second), self._tokens + grown)
        self._filled_at = now
        return int(self._tokens + _ROUNDING)

    def take(self, count: int) -> None:
        """Spend tokens that `available` has offered."""
        self._tokens -= count

    def next_at(self, now: float) -> float:
        """Return when the next token is there."""
        if self._per_second is None:
            return now
        return now + max(0.0, 1.0 - self._tokens) / self._per_second


class Lane:
    """The state of one endpoint's deliveries in this process; the store has the truth, this knows when to ask it."""

    def __init__(self, endpoint: DeliveryTarget, breaker: CircuitBreaker) -> None:
        self.endpoint = endpoint
        self.breaker = breaker
        self.next_due: float | None = None
        """When the oldest pending delivery is due, as far as is known; None: none is pending."""
        self.in_flight = 0
        self.claiming = False
        self.timer_at: float | None = None
        """When the dispatcher will look here again by itself."""
        self._throttled_until = endpoint.throttled_until or 0.0
        self._ramp: int | None = None
        """Slow start: the limit while a recovered receiver is brought back; None when that is over."""
        self._rate = Rate(endpoint.rate_limit)

    @property
    def limit(self) -> int:
        """How many attempts may be under way at once."""
        full = self.endpoint.max_in_flight
        return full if self._ramp is None else min(self._ramp, full)

    def reconfigure(self, endpoint: DeliveryTarget) -> None:
        """Take changed settings."""
        if endpoint.rate_limit != self.endpoint.rate_limit:
            self._rate = Rate(endpoint.rate_limit)
        self.endpoint = endpoint
        self._throttled_until = endpoint.throttled_until or 0.0

    def note_due(self, due: float) -> None:
        """Note that a delivery is pending and due then."""
        self.next_due = due if self.next_due is None else min(self.next_due, due)

    def begin_claim(self) -> None:
        """Ask the store. What is expected from now on is not in its answer, and must not be forgotten with it."""
        self.claiming = True
        self.next_due = None

    def end_claim(self, next_due: float | None) -> None:
        """Take the store's answer: when the oldest delivery that is still pending is due."""
        self.claiming = False
        if next_due is not None:
            self.note_due(next_due)

    def throttle(self, until: float) -> None:
        """Wait: the receiver asked for it."""
        self._throttled_until = max(self._throttled_until, until)

    def step(self, now: float, share: int) -> Step:
        """Say what the lane needs next; `share` bounds the attempts that the whole process grants it now."""
        if self.next_due is None or self.claiming or self.endpoint.state is not EndpointState.ENABLED:
            return AwaitEvent()
        if self._blocked_until(now) > now:
            return LookAgainAt(self._blocked_until(now))
        if not self.breaker.admits(now=now):
            again = self.breaker.next_admission_at(now=now)
            return AwaitEvent() if again is None else LookAgainAt(max(again, now))
        return self._claim(now, min(self.limit - self.in_flight, share))

    def _blocked_until(self, now: float) -> float:
        return max(self.next_due or now, self._throttled_until)

    def _claim(self, now: float, room: int) -> Step:
        # A claim costs the same for one delivery as for fifty: wait until a quarter of the lane is free, unless
        # nothing is under way whose end would bring the lane here again.
        if room <= 0 or (self.in_flight and room < self.limit // 4):
            return AwaitEvent()
        tokens = self._rate.available(now)
        if tokens == 0:
            return LookAgainAt(self._rate.next_at(now))
        if self.breaker.state is not CircuitState.CLOSED:
            # It may be closed before the store carries the claim out: no more than probes may slip past the slow start.
            room = min(room, self.breaker.config.half_open_max_calls)
        return Fetch(room if tokens is None else min(room, tokens))

    def reserve(self, now: float) -> bool:
        """Take a slot for a delivery that is just being accepted, if it could go out this moment; else False.

        Not past older deliveries that wait: they would starve behind a steady stream.
        """
        waiting = self.next_due is not None and self.next_due <= now
        if waiting or self.claiming or self.endpoint.state is not EndpointState.ENABLED:
            return False
        if self.in_flight >= self.limit or self._throttled_until > now:
            return False
        if self.breaker.state is not CircuitState.CLOSED or not self.breaker.admits(now=now):
            return False
        if self._rate.available(now) == 0:
            return False
        self.begin(1)
        return True

    def begin(self, count: int) -> None:
        """Count attempts that begin."""
        self.in_flight += count
        if self.endpoint.rate_limit is not None:
            self._rate.take(count)

    def end(self) -> None:
        """Count one attempt that has ended, or a reservation that came to nothing."""
        self.in_flight -= 1

    def on_circuit_change(self, breaker: CircuitBreaker, *, success: bool = False) -> None:
        """Take the circuit as it was committed, and begin or continue the slow start after a recovery.

        `success` is of an attempt that this very circuit admitted. Each one makes room for one more, so the limit
        doubles with every round of answers: 1, 2, 4, … Doubling it with every answer would be at 64 after six.
        """
        recovered = self.breaker.state is not CircuitState.CLOSED and breaker.state is CircuitState.CLOSED
        self.breaker = breaker
        if recovered:
            self._ramp = 1
        elif self._ramp is not None and success:
            self._ramp += 1
            if self._ramp >= self.endpoint.max_in_flight:
                self._ramp = None
