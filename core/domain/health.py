"""How a background task is doing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskHealth:
    """One background task, as its supervisor sees it."""

    name: str
    healthy: bool
    restarts: int
    last_error: str | None
