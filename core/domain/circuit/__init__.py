"""The circuit breaker: a pure state machine, its configuration, and its window of recent calls."""

from breakwater.core.domain.circuit.breaker import CircuitBreaker
from breakwater.core.domain.circuit.config import SERVICE_CIRCUIT, CircuitBreakerConfig
from breakwater.core.domain.circuit.state import CircuitState, Hold, Transition

__all__ = ["SERVICE_CIRCUIT", "CircuitBreaker", "CircuitBreakerConfig", "CircuitState", "Hold", "Transition"]
