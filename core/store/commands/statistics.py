"""Attempts counted by the minute, in the transaction that writes them."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from breakwater.core.domain.latency import UNMEASURED, bucket_of
from breakwater.core.store.engine import prepared_upsert
from breakwater.core.store.schema import ALL_ENDPOINTS, MINUTE_STATS
from breakwater.core.store.statements import Statements

_ADD: Final = prepared_upsert(
    MINUTE_STATS, ("endpoint_id", "minute", "outcome", "latency_bucket"), add=["attempts"]
)

CountedAttempt = tuple[str, float, str | None, int | None]
"""Endpoint id, when it ended (seconds since the epoch), failure class, duration in ms (None: not measured)."""


def count_attempts(statements: Statements, attempts: Iterable[CountedAttempt]) -> None:
    """Count each attempt under its endpoint and under all endpoints."""
    counts = Counter(
        (
            counted_under,
            int(ended_at // 60),
            failure_class or "success",
            UNMEASURED if duration_ms is None else bucket_of(duration_ms),
        )
        for endpoint_id, ended_at, failure_class, duration_ms in attempts
        for counted_under in (endpoint_id, ALL_ENDPOINTS)
    )
    statements.execute_many(_ADD, [(*key, count) for key, count in sorted(counts.items())])
