"""The health of a background task."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskHealth:
    """The state of one background task in its supervisor."""

    name: str
    healthy: bool
    restarts: int
    last_error: str | None
