"""What this process has done since its start, for metrics."""

from collections import Counter
from typing import Final

from breakwater.core.domain.states import FailureClass
from breakwater.core.histogram import Histogram

SUCCESS: Final = "success"
_ATTEMPT_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class DeliveryCounters:
    """Counts messages and attempts. All of them only grow."""

    def __init__(self) -> None:
        self.messages = 0
        """Messages accepted, without repetitions that an idempotency key answered."""
        self.attempts: Counter[str] = Counter()
        """Attempts that were saved, by `success` or failure class."""
        self.attempt_seconds = Histogram(_ATTEMPT_SECONDS)

    def on_attempt(self, failure: FailureClass | None, duration_ms: float) -> None:
        """Count a saved attempt."""
        self.attempts[SUCCESS if failure is None else failure.value] += 1
        self.attempt_seconds.observe(duration_ms / 1000)
