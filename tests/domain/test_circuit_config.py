"""The settings of a circuit breaker and their validation."""

import pytest

from breakwater.core.domain.circuit import SERVICE_CIRCUIT, CircuitBreakerConfig
from breakwater.core.domain.errors import InvalidInput


class TestTheConfiguration:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("failure_threshold", 0),
            ("failure_threshold", -1),
            ("failure_threshold", 2.5),
            ("failure_threshold", True),
            ("failure_threshold", "5"),
            ("failure_threshold", None),
            ("failure_threshold", 10**9),
            ("success_threshold", 0),
            ("half_open_max_calls", 0),
            ("minimum_calls", 0),
            ("timeout_seconds", -0.1),
            ("timeout_seconds", float("nan")),
            ("timeout_seconds", float("inf")),
            ("timeout_seconds", "60"),
            ("timeout_seconds", 8 * 86_400),
            ("failure_rate_threshold", 0),
            ("failure_rate_threshold", 1.01),
            ("failure_rate_threshold", 50),
            ("window_seconds", 0.5),
            ("timeout_multiplier", 0.9),
            ("timeout_multiplier", 11),
            ("max_timeout_seconds", float("nan")),
            ("timeout_jitter", 0.6),
            ("timeout_jitter", -0.1),
        ],
    )
    def test_a_value_out_of_bounds_is_refused_by_name(self, field: str, value: object) -> None:
        with pytest.raises(InvalidInput) as caught:
            CircuitBreakerConfig(**{field: value})
        (problem,) = caught.value.problems
        assert problem.field == field
        assert problem.message.startswith("must be a ")

    def test_every_invalid_field_is_reported_together(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            CircuitBreakerConfig(failure_threshold=0, timeout_seconds=-1, timeout_jitter=2)
        assert [problem.field for problem in caught.value.problems] == [
            "failure_threshold",
            "timeout_seconds",
            "timeout_jitter",
        ]

    def test_two_settings_that_contradict_each_other_are_refused_with_the_remedy(self) -> None:
        with pytest.raises(
            InvalidInput, match="max_timeout_seconds: is below timeout_seconds; make it at least 60"
        ):
            CircuitBreakerConfig(max_timeout_seconds=30)

    def test_the_default_circuit_opens_at_half_of_twenty_calls_in_a_minute(self) -> None:
        assert SERVICE_CIRCUIT.failure_rate_threshold == 0.5
        assert (SERVICE_CIRCUIT.minimum_calls, SERVICE_CIRCUIT.window_seconds) == (20, 60.0)
