"""How the file descriptors of the process are divided: the API and the database first, then deliveries. Pure."""

from dataclasses import dataclass
from typing import Final

RESERVED: Final = 48
"""For the database, the log, the event loops and files that are read now and then."""
MAX_API_CONNECTIONS: Final = 1_000
_MIN_API_CONNECTIONS: Final = 16
_API_SHARE: Final = 4
"""Connections of the API may use at most this fraction of the descriptors: 1/4."""
MAX_LOOKUPS: Final = 64
"""Threads that wait for name servers concurrently."""
_MIN_LOOKUPS: Final = 2
_LOOKUPS_SHARE: Final = 32
_PER_LOOKUP: Final = 3
"""A lookup reads a file and has sockets to two name servers."""
IDLE_CONNECTIONS: Final = 8_192
"""Room for idle connections, or none is kept: thousands of receivers a second leave one each for some seconds."""


@dataclass(frozen=True, slots=True)
class DescriptorBudget:
    """What each part of the process may open."""

    limit: int
    """Descriptors of the process."""
    api_connections: int
    lookups: int
    attempts: int
    """Concurrent attempts."""
    requested_attempts: int
    """What is configured."""
    keep_connections: bool
    """Whether idle connections may be kept for the next attempt."""

    @property
    def notice(self) -> str | None:
        """Return that fewer attempts run concurrently than configured, with the remedy; None when it is not so."""
        if self.attempts >= self.requested_attempts:
            return None
        attempts = "1 attempt runs" if self.attempts == 1 else f"{self.attempts:,} attempts run"
        return (
            f"At most {attempts} concurrently instead of {self.requested_attempts:,}, because "
            f"this process may open {self.limit:,} files. Raise the limit (`ulimit -n`, LimitNOFILE=) and restart, "
            f"or set BREAKWATER_MAX_IN_FLIGHT to {self.attempts}."
        )


def api_connections(limit: int) -> int:
    """Return how many connections the API may have open, of `limit` descriptors."""
    return max(_MIN_API_CONNECTIONS, min(MAX_API_CONNECTIONS, limit // _API_SHARE))


def plan_descriptors(limit: int, max_in_flight: int) -> DescriptorBudget:
    """Return the budget of a process with `limit` descriptors that is configured for `max_in_flight` attempts.

    An attempt needs one for its connection. Idle connections are kept only beside room for every attempt.
    """
    connections = api_connections(limit)
    lookups = max(_MIN_LOOKUPS, min(MAX_LOOKUPS, limit // _LOOKUPS_SHARE))
    left = max(1, limit - RESERVED - connections - lookups * _PER_LOOKUP)
    return DescriptorBudget(
        limit=limit,
        api_connections=connections,
        lookups=lookups,
        attempts=min(max_in_flight, left),
        requested_attempts=max_in_flight,
        keep_connections=left >= max_in_flight + IDLE_CONNECTIONS,
    )
