"""How long a claim is good."""

from typing import Final

LEASE_GRACE: Final = 15.0
"""Seconds that a lease outlives the attempt's deadline: a peer's was shorter than its timeout, and it sent twice."""


def lease_seconds(timeout: float) -> float:
    """Return the seconds for which a claim is leased whose attempt may take `timeout` seconds."""
    return timeout + LEASE_GRACE
