"""The duration of a lease."""

from typing import Final

LEASE_GRACE: Final = 15.0
"""Seconds by which a lease exceeds the deadline of its attempt, so that no attempt is requeued while it runs."""


def lease_seconds(timeout: float) -> float:
    """Return the lease in seconds of a claim whose attempt has a deadline of `timeout` seconds."""
    return timeout + LEASE_GRACE
