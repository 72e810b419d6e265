"""Attempts counted by the minute, in the transaction that writes them."""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection

from breakwater.core.domain.latency import UNMEASURED, bucket_of
from breakwater.core.store.engine import upsert
from breakwater.core.store.schema import ALL_ENDPOINTS, MINUTE_STATS

_COLUMNS = ("endpoint_id", "minute", "outcome", "latency_bucket")

CountedAttempt = tuple[str, float, str | None, int | None]
"""Endpoint id, when it ended (seconds since the epoch), failure class, duration in ms (None: not measured)."""


def count_attempts(connection: Connection, attempts: Iterable[CountedAttempt]) -> None:
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
    rows = [dict(zip(_COLUMNS, key, strict=True)) | {"attempts": n} for key, n in sorted(counts.items())]
    if rows:
        connection.execute(upsert(connection, MINUTE_STATS, _COLUMNS, add=["attempts"]), rows)
