"""Breakers in the states that tests start with."""

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState, Hold

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
MONTH = 30 * 86_400.0


def opened(config: CircuitBreakerConfig | None = None, *, at: float = 1000.0) -> CircuitBreaker:
    """Return a breaker that `failure_threshold` failures opened at `at`."""
    breaker = CircuitBreaker(config=config or CircuitBreakerConfig())
    for _ in range(breaker.config.failure_threshold):
        breaker.record_failure(now=at)
    return breaker


def half_open(config: CircuitBreakerConfig | None = None, *, at: float = 1000.0) -> CircuitBreaker:
    """Return a breaker that a person made half-open at `at`, without permits in use."""
    breaker = opened(config, at=at)
    breaker.probe(now=at)
    breaker.drain_transitions()
    return breaker


def hold(*, since: float = 1000.0, until: float | None = None) -> Hold:
    return Hold("receiver is being moved", since=since, until=until, by="person:ada")


def causes(breaker: CircuitBreaker) -> list[str]:
    return [transition.cause for transition in breaker.drain_transitions()]
