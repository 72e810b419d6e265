"""The circuit breaker of one endpoint: one pure machine that the adapter, the dispatcher and the store share.

::

            too many failures in a row,           the cooldown or a hold ended,
            or too large a share of them          or a person wants a probe
    closed ─────────────────────────────> open ─────────────────────────────> half open
      ^                                   │  ^                                  │   │
      ├───────────────reset───────────────┘  └───────────a probe failed─────────┘   │
      └───────────────────enough probes succeeded, or reset─────────────────────────┘

A person can hold it open from any of the three. Closed never becomes half open. Time comes in with every call; who
gives none gets the machine's clock.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, assert_never

from breakwater.core.domain.circuit.config import CircuitBreakerConfig
from breakwater.core.domain.circuit.state import CircuitState, Hold, Transition
from breakwater.core.domain.circuit.window import Part, calls_and_failures, with_call

PERMIT_SECONDS: Final = 60.0
"""How long a half-open permit lives when its taker does not say: longer than any attempt's deadline."""
_KEPT_TRANSITIONS: Final = 64
"""For a caller that never drains them."""


def _system_time() -> float:
    return time.time()


@dataclass(slots=True)
class CircuitBreaker:
    """Circuit breaker for a webhook endpoint.

    The first six fields and `can_execute`, `record_success` and `record_failure`, used alone, are the classic
    machine. Results carry the `generation` in which they were admitted; one from an earlier generation says
    nothing about the present and changes nothing. Nor does a result that arrives while the circuit is open.

    Not thread-safe: who shares one steps it from one thread, or in one transaction.
    """

    config: CircuitBreakerConfig = field(default_factory=CircuitBreakerConfig)
    state: CircuitState = CircuitState.CLOSED
    failure_count: int = 0
    """Failures in a row while closed; kept, and counted on, until it closes again."""
    success_count: int = 0
    """Probes that succeeded since it became half open."""
    last_failure_time: float | None = None
    half_open_calls: int = 0
    """Permits taken and neither given back nor expired when it was last asked."""
    opened_at: float | None = None
    """Since when the endpoint has been failing: set by an opening after a close, a success or a hold."""
    retry_at: float | None = None
    """When the cooldown ends."""
    reopenings: int = 0
    """Probes that failed since it was last closed: what the cooldown grows with."""
    generation: int = 0
    """Counts transitions."""
    permits: list[float] = field(default_factory=list)
    """When each half-open permit expires: the probe of a process that died must not block the circuit."""
    window: list[Part] = field(default_factory=list)
    """Calls while closed: `(second, successes, failures)`. Empty when the configuration sets no share."""
    hold: Hold | None = None
    clock: Callable[[], float] = field(default=_system_time, compare=False, repr=False)
    """Seconds since the epoch, for calls that bring no `now`."""
    _transitions: deque[Transition] = field(
        default_factory=lambda: deque(maxlen=_KEPT_TRANSITIONS), init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        self.half_open_calls = len(self.permits) or self.half_open_calls

    # --- asking

    def can_execute(self, *, now: float | None = None, permit_seconds: float = PERMIT_SECONDS) -> bool:
        """Return whether a call may be made now; while half open, take the permit for it.

        Who is let through owes a record, or a `release`. `permit_seconds` must outlast the call's deadline.
        """
        if self.state == CircuitState.CLOSED:
            return True
        now = self._at(now)
        if self.state == CircuitState.OPEN:
            if now < self._open_until():
                return False
            self._half_open(now, "the hold ended" if self.hold else "the cooldown ended")
        self._keep(self._live_permits(now))
        if self.half_open_calls >= self.config.half_open_max_calls:
            return False
        self._keep([*self.permits, now + permit_seconds])
        return True

    def admits(self, *, now: float | None = None) -> bool:
        """Return what `can_execute` would say, and change nothing."""
        now = self._at(now)
        match self.state:
            case CircuitState.CLOSED:
                return True
            case CircuitState.OPEN:
                return now >= self._open_until()
            case CircuitState.HALF_OPEN:
                return len(self._live_permits(now)) < self.config.half_open_max_calls
            case _:
                assert_never(self.state)

    def next_admission_at(self, *, now: float | None = None) -> float | None:
        """Return when to ask again. None: it admits already, or only a person can release it."""
        now = self._at(now)
        if self.admits(now=now):
            return None
        at = self._open_until() if self.state == CircuitState.OPEN else min(self._live_permits(now))
        return at if math.isfinite(at) else None

    def recent(self, *, now: float | None = None) -> tuple[int, int]:
        """Return calls, and failures among them, of the window that ends now."""
        return calls_and_failures(self.window, self._at(now), self.config.window_seconds)

    @property
    def calm(self) -> bool:
        """Whether it is closed and remembers no failure: forgetting all of it would forget only successes."""
        return (
            self.state == CircuitState.CLOSED
            and self.failure_count == 0
            and not any(failed for _, _, failed in self.window)
        )

    # --- recording

    def record_success(self, *, now: float | None = None, generation: int | None = None) -> None:
        """Count a call that showed the endpoint to be alive. Closes a half-open circuit at its threshold."""
        if self._is_stale(generation):
            return
        match self.state:
            case CircuitState.CLOSED:
                self.failure_count = 0
                self._count(now, failed=False)
            case CircuitState.HALF_OPEN:
                self._probe_succeeded(self._at(now))
            case CircuitState.OPEN:
                pass
            case _:
                assert_never(self.state)

    def record_failure(
        self, *, now: float | None = None, generation: int | None = None, cause: str = "", draw: float = 0.5
    ) -> None:
        """Count a call that failed. Opens the circuit when that is one too many; any failure of a probe does.

        `cause` is what the call met, in words. `draw`, from 0 up to 1, places the cooldown within its jitter.
        """
        if self._is_stale(generation):
            return
        match self.state:
            case CircuitState.CLOSED:
                self._failed(self._at(now), draw)
            case CircuitState.HALF_OPEN:
                self._probe_failed(self._at(now), cause, draw)
            case CircuitState.OPEN:
                pass
            case _:
                assert_never(self.state)

    def release(self, *, now: float | None = None, generation: int | None = None) -> None:
        """Give a permit back and count nothing: the call was not made, or says nothing about the endpoint."""
        if self.state == CircuitState.HALF_OPEN and not self._is_stale(generation):
            self._give_back(self._at(now))

    # --- what a person does

    def reset(self, *, now: float | None = None, cause: str = "reset") -> None:
        """Close it now, end a hold, and clear every counter: the next failure is the first."""
        if self.state != CircuitState.CLOSED:
            self._change(CircuitState.CLOSED, self._at(now), cause)
        self._clear()
        self.last_failure_time = None

    def probe(self, *, now: float | None = None, cause: str = "probe asked for") -> None:
        """End the cooldown now. Does nothing unless the circuit is open and not held."""
        if self.state == CircuitState.OPEN and self.hold is None:
            self._half_open(self._at(now), cause)

    def hold_open(self, *, hold: Hold, now: float | None = None, cause: str = "held open") -> None:
        """Open it, in whichever state it is, until `hold` ends or is lifted. Replaces an earlier hold."""
        self._change(CircuitState.OPEN, self._at(now), cause)
        self.hold = hold
        self.success_count = 0
        self.retry_at = None

    def lift_hold(self, *, now: float | None = None, cause: str = "hold released") -> None:
        """End the hold and try whether the endpoint is there. Does nothing when nothing is held."""
        if self.hold is not None:
            self._half_open(self._at(now), cause)

    def drain_transitions(self) -> tuple[Transition, ...]:
        """Return the transitions since the last call, oldest first, and forget them."""
        drained = tuple(self._transitions)
        self._transitions.clear()
        return drained

    # --- steps

    def _at(self, now: float | None) -> float:
        return self.clock() if now is None else now

    def _is_stale(self, generation: int | None) -> bool:
        return generation is not None and generation != self.generation

    def _change(self, to: CircuitState, now: float, cause: str) -> None:
        self._transitions.append(
            Transition(now, CircuitState(self.state), to, cause, self.failure_count, self.success_count)
        )
        self.state = to
        self.generation += 1
        self._keep([])

    def _open(self, now: float, cause: str, draw: float) -> None:
        if self.opened_at is None or self.success_count:
            self.opened_at = now
        self._change(CircuitState.OPEN, now, cause)
        self.success_count = 0
        self.retry_at = now + self.config.cooldown(self.reopenings, draw)

    def _half_open(self, now: float, cause: str) -> None:
        self._change(CircuitState.HALF_OPEN, now, cause)
        self.success_count = 0
        self.retry_at = None
        if self.hold is not None:
            # Nobody called the endpoint while it was held: that time is not to its discredit.
            self.hold = self.opened_at = None

    def _clear(self) -> None:
        self.failure_count = self.success_count = self.reopenings = 0
        self.opened_at = self.retry_at = self.hold = None
        self.window = []
        self._keep([])

    def _failed(self, now: float, draw: float) -> None:
        self.failure_count += 1
        self.last_failure_time = now
        self._count(now, failed=True)
        if cause := self._too_many_in_a_row() or self._too_large_a_share(now):
            self._open(now, cause, draw)

    def _count(self, now: float | None, *, failed: bool) -> None:
        if self.config.failure_rate_threshold is not None:
            self.window = with_call(self.window, self._at(now), self.config.window_seconds, failed=failed)

    def _too_many_in_a_row(self) -> str:
        count = self.failure_count
        if count < self.config.failure_threshold:
            return ""
        return f"{count} failure{'s' if count > 1 else ''} in a row"

    def _too_large_a_share(self, now: float) -> str:
        threshold = self.config.failure_rate_threshold
        if threshold is None:
            return ""
        calls, failures = self.recent(now=now)
        if calls < self.config.minimum_calls or failures < threshold * calls:
            return ""
        return f"{failures} of {calls} calls failed in {self.config.window_seconds:g} s"

    def _probe_succeeded(self, now: float) -> None:
        self._give_back(now)
        self.success_count += 1
        if self.success_count >= self.config.success_threshold:
            count = self.success_count
            self._change(CircuitState.CLOSED, now, f"{count} probe{'s' if count > 1 else ''} succeeded")
            self._clear()

    def _probe_failed(self, now: float, cause: str, draw: float) -> None:
        self.failure_count += 1
        self.last_failure_time = now
        self.reopenings += 1
        self._open(now, f"a probe failed: {cause}" if cause else "a probe failed", draw)

    def _open_until(self) -> float:
        """Return when an open circuit lets a probe through; infinity when only a person can.

        The cooldown never counts for more than the present configuration allows: who shortens it means the
        circuit that is open now, too.
        """
        if self.hold is not None:
            return math.inf if self.hold.until is None else self.hold.until
        if self.last_failure_time is None:
            return -math.inf if self.retry_at is None else self.retry_at
        longest = self.last_failure_time + self.config.cooldown(self.reopenings, 1.0)
        return longest if self.retry_at is None else min(self.retry_at, longest)

    def _live_permits(self, now: float) -> list[float]:
        """Return the permits that have not expired. Who sets `half_open_calls` by hand means that many."""
        surplus = len(self.permits) - self.half_open_calls
        permits = [*self.permits[max(surplus, 0) :], *[now + PERMIT_SECONDS] * -surplus]
        return [expires_at for expires_at in permits if expires_at > now]

    def _keep(self, permits: list[float]) -> None:
        self.permits = permits
        self.half_open_calls = len(permits)

    def _give_back(self, now: float) -> None:
        """Give back the permit that expires first: the one left may then last too long, never too short."""
        self._keep(sorted(self._live_permits(now))[1:])
