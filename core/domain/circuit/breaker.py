"""The circuit breaker of one endpoint: a pure state machine for the adapter, the dispatcher and the store.

::

            consecutive failures or               the cooldown or a hold ended,
            failure rate at its threshold         or a person requested a probe
    closed ─────────────────────────────> open ─────────────────────────────> half-open
      ^                                   │  ^                                  │   │
      ├───────────────reset───────────────┘  └───────────a probe failed─────────┘   │
      └───────────────────enough probes succeeded, or reset─────────────────────────┘

A person can hold it open from each of the three states. Closed never becomes half-open. Every call takes the time as
`now`; without it, the breaker reads its own clock.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, assert_never

from breakwater.core.domain.circuit.config import CircuitBreakerConfig
from breakwater.core.domain.circuit.state import CircuitState, Hold, Transition
from breakwater.core.domain.circuit.window import Part, calls_and_failures, with_call

PERMIT_SECONDS: Final = 60.0
"""Default life of a half-open permit, in seconds: longer than the deadline of any attempt."""
_MAX_TRANSITIONS: Final = 64
"""Bounds the memory for a caller that never drains the transitions."""


def _system_time() -> float:
    return time.time()


@dataclass(slots=True)
class CircuitBreaker:
    """Circuit breaker for a webhook endpoint.

    The first six fields with `can_execute`, `record_success` and `record_failure` are the classic circuit breaker.
    A result carries the `generation` that admitted it. A result of an earlier generation is ignored, and so is a
    result that arrives while the circuit is open.

    Not thread-safe: callers that share an instance must serialise access.
    """

    config: CircuitBreakerConfig = field(default_factory=CircuitBreakerConfig)
    state: CircuitState = CircuitState.CLOSED
    failure_count: int = 0
    """Consecutive failures while closed; keeps counting until the circuit closes again."""
    success_count: int = 0
    """Successful probes since it became half-open."""
    last_failure_time: float | None = None
    half_open_calls: int = 0
    """Permits in use: taken, not released, not expired at the latest call."""
    opened_at: float | None = None
    """Since when the endpoint has been failing: set on opening after a close, a success or a hold."""
    retry_at: float | None = None
    """When the cooldown ends."""
    reopenings: int = 0
    """Failed probes since it was last closed: the exponent of the cooldown."""
    generation: int = 0
    """The number of transitions so far."""
    permits: list[float] = field(default_factory=list)
    """When each half-open permit expires, so that the probe of a dead process does not block the circuit."""
    window: list[Part] = field(default_factory=list)
    """Calls while closed: `(second, successes, failures)`. Empty when the configuration has no failure rate."""
    hold: Hold | None = None
    clock: Callable[[], float] = field(default=_system_time, compare=False, repr=False)
    """Seconds since the epoch, for calls without `now`."""
    _transitions: deque[Transition] = field(
        default_factory=lambda: deque(maxlen=_MAX_TRANSITIONS), init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        self.half_open_calls = len(self.permits) or self.half_open_calls

    # --- admission

    def can_execute(self, *, now: float | None = None, permit_seconds: float = PERMIT_SECONDS) -> bool:
        """Return whether a call may start now; while half-open, take a permit for it.

        An admitted caller must record a result or `release`. `permit_seconds` must exceed the deadline of the call.
        """
        if self.state == CircuitState.CLOSED:
            return True
        now = self._at(now)
        if self.state == CircuitState.OPEN:
            if now < self._open_until():
                return False
            self._half_open(now, "the hold ended" if self.hold else "the cooldown ended")
        self._set_permits(self._live_permits(now))
        if self.half_open_calls >= self.config.half_open_max_calls:
            return False
        self._set_permits([*self.permits, now + permit_seconds])
        return True

    def admits(self, *, now: float | None = None) -> bool:
        """Return what `can_execute` would return, without a change."""
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
        """Return when a call can be admitted. None: it is admitted now, or only a person can release the hold."""
        now = self._at(now)
        if self.admits(now=now):
            return None
        at = self._open_until() if self.state == CircuitState.OPEN else min(self._live_permits(now))
        return at if math.isfinite(at) else None

    def recent(self, *, now: float | None = None) -> tuple[int, int]:
        """Return the calls and the failures in the window that ends now."""
        return calls_and_failures(self.window, self._at(now), self.config.window_seconds)

    @property
    def is_pristine(self) -> bool:
        """Whether it is closed and counts no failure, so that a reset would change nothing visible."""
        return (
            self.state == CircuitState.CLOSED
            and self.failure_count == 0
            and not any(failed for _, _, failed in self.window)
        )

    # --- recording

    def record_success(self, *, now: float | None = None, generation: int | None = None) -> None:
        """Count a call that reached a healthy endpoint. Closes a half-open circuit at its threshold."""
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
        """Count a failed call. Opens a closed circuit at its thresholds, and a half-open one immediately.

        `cause` describes the failure. `draw`, from 0 up to 1, selects the cooldown within its jitter.
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
        """Release a permit without counting: the call did not start, or its result says nothing about the endpoint."""
        if self.state == CircuitState.HALF_OPEN and not self._is_stale(generation):
            self._release_permit(self._at(now))

    def release_permits_until(self, expiries: Iterable[float], *, now: float | None = None) -> None:
        """Release the permits that expire at exactly these times: those of one claim, and of no other."""
        permits = self._live_permits(self._at(now))
        for expires_at in expiries:
            if expires_at in permits:
                permits.remove(expires_at)
        self._set_permits(permits)

    # --- operations of people

    def reset(self, *, now: float | None = None, cause: str = "reset") -> None:
        """Close it now, end a hold, and clear every counter."""
        if self.state != CircuitState.CLOSED:
            self._change(CircuitState.CLOSED, self._at(now), cause)
        self._clear()
        self.last_failure_time = None

    def probe(self, *, now: float | None = None, cause: str = "probe requested") -> None:
        """End the cooldown now. Does nothing unless the circuit is open and not held."""
        if self.state == CircuitState.OPEN and self.hold is None:
            self._half_open(self._at(now), cause)

    def hold_open(self, *, hold: Hold, now: float | None = None, cause: str = "held open") -> None:
        """Open it from any state, until `hold` ends or is released. Replaces an earlier hold."""
        self._change(CircuitState.OPEN, self._at(now), cause)
        self.hold = hold
        self.success_count = 0
        self.retry_at = None

    def lift_hold(self, *, now: float | None = None, cause: str = "hold released") -> None:
        """End the hold and become half-open. Does nothing without a hold."""
        if self.hold is not None:
            self._half_open(self._at(now), cause)

    def drain_transitions(self) -> tuple[Transition, ...]:
        """Return the transitions since the last call, oldest first, and clear them."""
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
        self._set_permits([])

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
            # Nothing was sent during the hold, so its time must not count towards auto-disable.
            self.hold = self.opened_at = None

    def _clear(self) -> None:
        self.failure_count = self.success_count = self.reopenings = 0
        self.opened_at = self.retry_at = self.hold = None
        self.window = []
        self._set_permits([])

    def _failed(self, now: float, draw: float) -> None:
        self.failure_count += 1
        self.last_failure_time = now
        self._count(now, failed=True)
        if cause := self._consecutive_failures() or self._failure_rate(now):
            self._open(now, cause, draw)

    def _count(self, now: float | None, *, failed: bool) -> None:
        if self.config.failure_rate_threshold is not None:
            self.window = with_call(self.window, self._at(now), self.config.window_seconds, failed=failed)

    def _consecutive_failures(self) -> str:
        count = self.failure_count
        if count < self.config.failure_threshold:
            return ""
        return f"{count} consecutive failure{'s' if count > 1 else ''}"

    def _failure_rate(self, now: float) -> str:
        threshold = self.config.failure_rate_threshold
        if threshold is None:
            return ""
        calls, failures = self.recent(now=now)
        if calls < self.config.minimum_calls or failures < threshold * calls:
            return ""
        return f"{failures} of {calls} calls failed in {self.config.window_seconds:g} s"

    def _probe_succeeded(self, now: float) -> None:
        self._release_permit(now)
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
        """Return when an open circuit admits a probe; infinity when only a person can release it.

        The cooldown is limited by the current configuration, so that a shorter setting applies to an open circuit.
        """
        if self.hold is not None:
            return math.inf if self.hold.until is None else self.hold.until
        if self.last_failure_time is None:
            return -math.inf if self.retry_at is None else self.retry_at
        longest = self.last_failure_time + self.config.cooldown(self.reopenings, 1.0)
        return longest if self.retry_at is None else min(self.retry_at, longest)

    def _live_permits(self, now: float) -> list[float]:
        """Return the permits that have not expired. A caller may also set `half_open_calls` directly."""
        surplus = len(self.permits) - self.half_open_calls
        permits = [*self.permits[max(surplus, 0) :], *[now + PERMIT_SECONDS] * -surplus]
        return [expires_at for expires_at in permits if expires_at > now]

    def _set_permits(self, permits: list[float]) -> None:
        self.permits = permits
        self.half_open_calls = len(permits)

    def _release_permit(self, now: float) -> None:
        """Release the permit that expires first: a remaining one then lasts too long at worst, never too short."""
        self._set_permits(sorted(self._live_permits(now))[1:])
