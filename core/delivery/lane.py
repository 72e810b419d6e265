"""The lane of one endpoint: decides when its due deliveries may be sent. It does no I/O."""

from dataclasses import dataclass, replace

from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.delivery.rate_limit import RateLimit
from breakwater.core.delivery.shortage import ShortageBackoff
from breakwater.core.domain.circuit import CircuitBreaker, CircuitState
from breakwater.core.domain.states import EndpointState


@dataclass(frozen=True, slots=True)
class Fetch:
    """Claim up to `limit` due deliveries now."""

    limit: int


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Decide again at this time, in seconds since the epoch."""

    at: float


@dataclass(frozen=True, slots=True)
class WaitForSlot:
    """Decide again when the process has room: all its slots are taken by other lanes."""


@dataclass(frozen=True, slots=True)
class WaitForEvent:
    """Decide again after a new delivery, a result or an operation."""


Step = Fetch | WaitUntil | WaitForSlot | WaitForEvent

_WAIT_FOR_SLOT = WaitForSlot()
_WAIT_FOR_EVENT = WaitForEvent()


class Lane:
    """What this process knows of one endpoint's deliveries: enough to decide when to ask the database for more."""

    def __init__(self, endpoint: DeliveryTarget, breaker: CircuitBreaker) -> None:
        self.endpoint = endpoint
        self.breaker = breaker
        self.next_due: float | None = None
        """When the oldest pending delivery is due, as far as this process knows; None: none is pending."""
        self.in_flight = 0
        """Slots taken."""
        self.claiming = False
        self.unacknowledged_token: str | None = None
        """Of a claim that was submitted without a response: it may be committed."""
        self.removed = False
        """The endpoint was deleted. Slots that are still taken are released as usual."""
        self.timer_at: float | None = None
        """When the scheduler runs this lane next without an event."""
        self._throttled_until = endpoint.throttled_until or 0.0
        self._slow_start_limit: int | None = None
        """Concurrency while the endpoint recovers; None: no slow start."""
        self._shortage = ShortageBackoff()
        self._rate_limit = RateLimit(endpoint.rate_limit)

    @property
    def limit(self) -> int:
        """How many attempts may be in flight."""
        limit = self.endpoint.max_in_flight
        if self._slow_start_limit is not None:
            limit = min(limit, self._slow_start_limit)
        return limit if self._shortage.limit is None else min(limit, self._shortage.limit)

    def reconfigure(self, endpoint: DeliveryTarget) -> None:
        """Adopt changed settings, those of the circuit included."""
        if endpoint.rate_limit != self.endpoint.rate_limit:
            self._rate_limit = RateLimit(endpoint.rate_limit)
        self.endpoint = endpoint
        self.breaker = self._with_present_config(self.breaker)
        self.throttle(endpoint.throttled_until or 0.0)  # it may have been read before the latest result

    def note_due(self, due: float) -> None:
        """Note that a pending delivery is due at `due`."""
        self.next_due = due if self.next_due is None else min(self.next_due, due)

    def begin_claim(self) -> None:
        """Mark the lane as claiming. A delivery noted from now on may be missing from the claim's result."""
        self.claiming = True
        self.next_due = None

    def end_claim(self, next_due: float | None) -> None:
        """Adopt what the claim found: when the oldest delivery that is still pending is due."""
        self.claiming = False
        if next_due is not None:
            self.note_due(next_due)

    def throttle(self, until: float) -> None:
        """Send nothing before `until`, as the receiver requested."""
        self._throttled_until = max(self._throttled_until, until)

    def postpone_until(self, now: float) -> float:
        """Return when an attempt that a local shortage prevents at `now` is due again."""
        return self._shortage.until(now)

    def on_shortage(self, now: float, until: float) -> None:
        """Wait until `until`, then send with half the concurrency: what ran out is held by attempts in flight."""
        self._shortage.on_shortage(now, until, self.in_flight)
        self.throttle(until)

    def on_attempt(self) -> None:
        """Take in that an attempt got what it needed of this machine."""
        self._shortage.on_attempt(self.endpoint.max_in_flight)

    def next_step(self, now: float, share: int) -> Step:
        """Return what the lane does next; `share` is how many more slots the process grants it."""
        if self.next_due is None or self.claiming or self.endpoint.state is not EndpointState.ENABLED:
            return _WAIT_FOR_EVENT
        blocked_until = max(self.next_due, self._throttled_until)
        if blocked_until > now:
            return WaitUntil(blocked_until)
        if not self.breaker.admits(now=now):
            admission_at = self.breaker.next_admission_at(now=now)
            return _WAIT_FOR_EVENT if admission_at is None else WaitUntil(max(admission_at, now))
        return self._fetch(now, share)

    def _fetch(self, now: float, share: int) -> Step:
        if share <= 0 and not self.in_flight:
            return _WAIT_FOR_SLOT
        room = min(self.limit - self.in_flight, share)
        # One claim costs the same for one delivery as for fifty, so a lane waits until a quarter of what it may have is
        # free. With nothing in flight no release would run the lane again, so it does not wait.
        allowed = min(self.limit, share + self.in_flight)
        if room <= 0 or (self.in_flight and room < allowed // 4):
            return _WAIT_FOR_EVENT
        tokens = self._rate_limit.available(now)
        if tokens == 0:
            return WaitUntil(self._rate_limit.next_at(now))
        if self.breaker.state is not CircuitState.CLOSED:
            # The circuit may close before the claim is committed. Then no more than probes bypass the slow start.
            room = min(room, self.breaker.config.half_open_max_calls)
        return Fetch(room if tokens is None else min(room, tokens))

    def admits_new(self, now: float) -> bool:
        """Return whether a delivery that is just being accepted may be sent immediately.

        False while older deliveries wait: a steady stream of new ones would starve them.
        """
        overdue = self.next_due is not None and self.next_due <= now
        if overdue or self.claiming or self.endpoint.state is not EndpointState.ENABLED:
            return False
        if self.in_flight >= self.limit or self._throttled_until > now:
            return False
        if self.breaker.state is not CircuitState.CLOSED:
            return False
        return self._rate_limit.available(now) != 0

    def take_slot(self) -> None:
        """Count one more attempt, against the concurrency and the rate."""
        self.in_flight += 1
        self._rate_limit.take(1)

    def release_slot(self) -> None:
        """Count one attempt less."""
        self.in_flight -= 1

    def on_circuit_change(self, breaker: CircuitBreaker, *, success: bool = False) -> bool:
        """Adopt a committed state of the circuit, and return whether it is of a later generation.

        A state of an earlier generation is ignored: results of one batch do not arrive in the order of their
        statements. `success` is that of an attempt which this generation admitted. Each one raises the limit of a slow
        start by one, so that the limit doubles with every round of responses: 1, 2, 4, …
        """
        if breaker.generation < self.breaker.generation:
            return False
        changed = breaker.generation > self.breaker.generation
        self.breaker = self._with_present_config(breaker)
        if changed and breaker.state is CircuitState.CLOSED:
            self._slow_start_limit = 1
        elif self._slow_start_limit is not None and success:
            self._slow_start_limit += 1
            if self._slow_start_limit >= self.endpoint.max_in_flight:
                self._slow_start_limit = None
        return changed

    def _with_present_config(self, breaker: CircuitBreaker) -> CircuitBreaker:
        config = self.endpoint.circuit
        return breaker if breaker.config is config else replace(breaker, config=config)
