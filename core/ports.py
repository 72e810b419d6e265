"""What the engine needs from outside: a clock, random numbers, an HTTP client and a vault."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from breakwater.core.domain.outcome import Headers, Outcome
from breakwater.core.domain.target import Target


class Clock(Protocol):
    """Time. Nothing in the engine reads another clock or sleeps on another one."""

    def now(self) -> float:
        """Return seconds since the epoch, for stored times, schedules and leases.

        It never decreases. It steps forward when the calendar is ahead, and runs slower while the calendar is behind.
        """
        ...

    def wall(self) -> float:
        """Return what the machine's calendar says, in seconds since the epoch, for signatures and Retry-After dates."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return once `now()` has advanced by `seconds`."""
        ...


Draw = Callable[[], float]
"""A random number from 0 up to, not including, 1. Injected, so that tests decide it."""


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """One POST, complete except for the address to connect to."""

    target: Target
    headers: Headers = field(repr=False)
    body: bytes
    timeout: float
    """Seconds for the whole attempt: resolving, connecting, sending and the response's headers and body."""


class Sender(Protocol):
    """An HTTP client: the only I/O of an attempt."""

    async def send(self, request: OutboundRequest) -> Outcome:
        """Make one request and return its outcome. Never raises for what a receiver or a network does.

        Only cancellation is raised; the outcome is unknown then.
        """
        ...

    async def close(self) -> None:
        """Close every kept connection. The sender is not used afterwards."""
        ...


class Sealer(Protocol):
    """Encrypts secrets for the database."""

    def seal(self, text: str, context: str) -> bytes:
        """Return `text` encrypted; only the same `context` opens it."""
        ...

    def open(self, blob: bytes, context: str) -> str:
        """Return the text that was sealed for `context`. Raises SecretUnreadable."""
        ...
