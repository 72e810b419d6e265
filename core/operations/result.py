"""What an operation came to."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class OperationResult:
    """One sentence for the person who asked, and how many things it touched."""

    message: str
    affected: int = 1


def clock_time(at: float) -> str:
    """Return `03:12:07 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
