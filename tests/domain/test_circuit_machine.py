"""The circuit breaker compared with a model, in thousands of random sequences.

The model implements the same rules with sets and lists, without regard to speed.
Time is in whole seconds, so that the parts of the breaker's window and the model's list of calls agree exactly.
"""

from copy import deepcopy

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState, Hold

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN

ALLOWED = {
    (CLOSED, OPEN),
    (OPEN, OPEN),
    (OPEN, HALF_OPEN),
    (OPEN, CLOSED),
    (HALF_OPEN, OPEN),
    (HALF_OPEN, CLOSED),
}
"""From open to open is a hold on what is open already. From closed to half open: never."""

CONFIGS = st.builds(
    CircuitBreakerConfig,
    failure_threshold=st.integers(1, 6),
    success_threshold=st.integers(1, 4),
    timeout_seconds=st.integers(0, 60).map(float),
    half_open_max_calls=st.integers(1, 4),
    failure_rate_threshold=st.none() | st.sampled_from([0.25, 0.5, 1.0]),
    minimum_calls=st.integers(1, 8),
    window_seconds=st.sampled_from([1.0, 10.0, 60.0]),
    timeout_multiplier=st.sampled_from([1.0, 2.0, 3.0]),
    max_timeout_seconds=st.sampled_from([60.0, 200.0]),
)

CALLS = st.sampled_from(["succeeds", "succeeds", "fails", "fails", "hangs", "says nothing"])


class Model:
    """What the breaker ought to be."""

    def __init__(self, config: CircuitBreakerConfig) -> None:
        self.config = config
        self.state = CLOSED
        self.generation = 0
        self.consecutive_failures = 0
        self.calls: list[tuple[int, bool]] = []
        self.successes = 0
        self.reopenings = 0
        self.retry_at: float | None = None
        self.held = False
        self.hold_until: int | None = None
        self.permits: list[int] = []

    def live(self, now: int) -> list[int]:
        return [expiry for expiry in self.permits if expiry > now]

    def admits(self, now: int) -> bool:
        if self.state == OPEN:
            end = self.hold_until if self.held else self.retry_at
            return end is not None and now >= end
        return self.state == CLOSED or len(self.live(now)) < self.config.half_open_max_calls

    def go(self, state: CircuitState) -> None:
        self.state = state
        self.generation += 1
        self.successes, self.permits, self.held, self.hold_until, self.retry_at = 0, [], False, None, None
        if state == CLOSED:
            self.forget()

    def forget(self) -> None:
        self.consecutive_failures, self.calls, self.reopenings = 0, [], 0

    def open(self, now: int) -> None:
        self.go(OPEN)
        grown = self.config.timeout_seconds * self.config.timeout_multiplier**self.reopenings
        self.retry_at = now + min(grown, self.config.max_timeout_seconds or grown)

    def admit(self, now: int, permit_seconds: int) -> bool:
        if not self.admits(now):
            return False
        if self.state == OPEN:
            self.go(HALF_OPEN)
        if self.state == HALF_OPEN:
            self.permits = [*self.live(now), now + permit_seconds]
        return True

    def release_permit(self, now: int) -> None:
        self.permits = sorted(self.live(now))[1:]

    def success(self, now: int) -> None:
        if self.state == CLOSED:
            self.consecutive_failures = 0
            self.calls.append((now, True))
        elif self.state == HALF_OPEN:
            self.release_permit(now)
            self.successes += 1
            if self.successes >= self.config.success_threshold:
                self.go(CLOSED)

    def failure(self, now: int) -> None:
        if self.state == HALF_OPEN:
            self.reopenings += 1
            self.open(now)
        elif self.state == CLOSED:
            self.consecutive_failures += 1
            self.calls.append((now, False))
            if self.consecutive_failures >= self.config.failure_threshold or self.share_is_too_large(now):
                self.open(now)

    def share_is_too_large(self, now: int) -> bool:
        threshold = self.config.failure_rate_threshold
        recent = [succeeded for at, succeeded in self.calls if at > now - self.config.window_seconds]
        if threshold is None or len(recent) < self.config.minimum_calls:
            return False
        return recent.count(False) / len(recent) >= threshold


class Breaker(RuleBasedStateMachine):
    """Every rule does the same to the breaker and to its model; every invariant compares them."""

    @initialize(config=CONFIGS)
    def begin(self, config: CircuitBreakerConfig) -> None:
        self.now = 1_000_000
        self.breaker = CircuitBreaker(config=config)
        self.model = Model(config)
        self.in_flight: list[int] = []
        """The generation of each admitted call that has not finished."""
        self.state = CLOSED
        self.transitions = 0

    def end(self, call: str) -> None:
        """Finish a call that was admitted in the current generation."""
        model, breaker, generation = self.model, self.breaker, self.breaker.generation
        match call:
            case "succeeds":
                model.success(self.now)
                breaker.record_success(now=self.now, generation=generation)
            case "fails":
                model.failure(self.now)
                breaker.record_failure(now=self.now, generation=generation, cause="refused")
            case "says nothing":
                if model.state == HALF_OPEN:
                    model.release_permit(self.now)
                breaker.release(now=self.now, generation=generation)
            case "hangs":
                self.in_flight.append(generation)

    @rule(seconds=st.integers(0, 5) | st.integers(0, 300))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def time_passes_until_it_may_be_asked_again(self) -> None:
        self.now = int(self.breaker.next_admission_at(now=self.now) or self.now)

    @rule(permit_seconds=st.sampled_from([1, 25, 60]), calls=st.lists(CALLS, min_size=1, max_size=8))
    def calls_are_made(self, permit_seconds: int, calls: list[str]) -> None:
        for call in calls:
            expected = self.model.admit(self.now, permit_seconds)
            assert self.breaker.admits(now=self.now) == expected
            assert self.breaker.can_execute(now=self.now, permit_seconds=permit_seconds) == expected
            if expected:
                self.end(call)

    @rule(calls=st.lists(CALLS, min_size=1, max_size=4))
    def hanging_calls_end(self, calls: list[str]) -> None:
        for call in calls:
            if self.breaker.generation in self.in_flight:
                self.in_flight.remove(self.breaker.generation)
                self.end(call)

    @precondition(lambda self: set(self.in_flight) - {self.breaker.generation})
    @rule(end=st.sampled_from(["record_success", "record_failure", "release"]))
    def a_stale_call_ends_and_changes_nothing(self, end: str) -> None:
        generation = next(admitted for admitted in self.in_flight if admitted != self.breaker.generation)
        self.in_flight.remove(generation)
        before = deepcopy(self.breaker)
        getattr(self.breaker, end)(now=self.now, generation=generation)
        assert self.breaker == before

    @rule(success=st.booleans())
    def a_call_of_unknown_generation_ends(self, success: bool) -> None:
        (self.model.success if success else self.model.failure)(self.now)
        record = self.breaker.record_success if success else self.breaker.record_failure
        record(now=self.now)

    @precondition(lambda self: self.model.state != CLOSED)
    @rule(act=st.sampled_from(["reset", "probe", "hold", "release"]), seconds=st.none() | st.integers(1, 400))
    def a_person_acts(self, act: str, seconds: int | None) -> None:
        match act:
            case "reset":
                self.reset()
            case "probe":
                if self.model.state == OPEN and not self.model.held:
                    self.model.go(HALF_OPEN)
                self.breaker.probe(now=self.now)
            case "hold":
                self.hold(seconds)
            case "release":
                if self.model.held:
                    self.model.go(HALF_OPEN)
                self.breaker.lift_hold(now=self.now)

    @precondition(lambda self: self.model.state == CLOSED)
    @rule(act=st.sampled_from(["reset", "probe", "hold", "release"]), chance=st.integers(0, 4))
    def a_person_acts_though_all_is_well(self, act: str, chance: int) -> None:
        """Seldom with effect, or the circuit would never open by itself."""
        self.breaker.probe(now=self.now)
        self.breaker.lift_hold(now=self.now)
        if chance == 0 and act == "reset":
            self.reset()
        elif chance == 0 and act == "hold":
            self.hold(60)

    def reset(self) -> None:
        if self.model.state != CLOSED:
            self.model.go(CLOSED)
        self.model.forget()
        self.breaker.reset(now=self.now)
        assert self.breaker == CircuitBreaker(config=self.breaker.config, generation=self.model.generation)

    def hold(self, seconds: int | None) -> None:
        until = None if seconds is None else self.now + seconds
        self.model.go(OPEN)
        self.model.held, self.model.hold_until = True, until
        self.breaker.hold_open(hold=Hold("moving", self.now, until, "person:ada"), now=self.now)

    @rule()
    def the_process_restarts(self) -> None:
        """The fields of the dataclass are the complete state: a copy behaves like the original."""
        stored = deepcopy(self.breaker)
        self.check_transitions()
        self.breaker = CircuitBreaker(
            config=stored.config,
            state=CircuitState(stored.state.value),
            failure_count=stored.failure_count,
            success_count=stored.success_count,
            last_failure_time=stored.last_failure_time,
            half_open_calls=stored.half_open_calls,
            opened_at=stored.opened_at,
            retry_at=stored.retry_at,
            reopenings=stored.reopenings,
            generation=stored.generation,
            permits=stored.permits,
            window=stored.window,
            hold=stored.hold,
        )

    @invariant()
    def it_is_what_the_model_is(self) -> None:
        breaker, model = self.breaker, self.model
        assert breaker.state == model.state
        assert breaker.generation == model.generation
        assert breaker.admits(now=self.now) == model.admits(self.now)
        assert (breaker.hold is not None) == model.held
        assert breaker.reopenings == model.reopenings
        assert breaker.success_count == model.successes
        if model.state == CLOSED:
            assert breaker.failure_count == model.consecutive_failures

    @invariant()
    def never_more_permits_live_than_allowed(self) -> None:
        live = [expiry for expiry in self.breaker.permits if expiry > self.now]
        assert sorted(live) == sorted(self.model.live(self.now))
        assert len(live) <= self.breaker.config.half_open_max_calls
        assert self.breaker.half_open_calls == len(self.breaker.permits)
        assert self.breaker.state == HALF_OPEN or not self.breaker.permits

    @invariant()
    def check_transitions(self) -> None:
        for transition in self.breaker.drain_transitions():
            assert transition.from_state == self.state
            assert (transition.from_state, transition.to_state) in ALLOWED
            assert transition.cause
            self.state = transition.to_state
            self.transitions += 1
        assert self.state == self.breaker.state
        assert self.transitions == self.breaker.generation

    @invariant()
    def it_says_rightly_when_to_ask_again(self) -> None:
        at = self.breaker.next_admission_at(now=self.now)
        if at is None:
            only_a_person = self.model.held and self.model.hold_until is None
            assert self.model.admits(self.now) or only_a_person
        else:
            assert at > self.now
            assert self.breaker.admits(now=at)
            assert not self.breaker.admits(now=at - 0.001)

    @invariant()
    def it_never_waits_longer_than_its_cap(self) -> None:
        if self.breaker.retry_at is not None and self.breaker.last_failure_time is not None:
            waits = self.breaker.retry_at - self.breaker.last_failure_time
            assert waits <= (self.breaker.config.max_timeout_seconds or 0.0)


TestTheBreakerIsItsModel = Breaker.TestCase
TestTheBreakerIsItsModel.settings = settings(
    max_examples=1000,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
