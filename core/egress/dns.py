"""Name lookups off the event loop, bounded so that a dead zone costs the others nothing.

`getaddrinfo` blocks for as long as the name servers make it wait (often half a minute) and cannot be cancelled. So
each lookup has a daemon thread of its own: at most `max_lookups` at a time, of which one zone gets at most `per_zone`,
and zones take turns. A thread that hangs delays neither another zone nor the end of the process.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from breakwater.core.domain.target.networks import Address

Addresses = tuple[Address, ...]
Resolver = Callable[[str], Sequence[Address]]
"""Blocking: returns the addresses of a host in the order to try them, or raises OSError (`socket.gaierror`)."""

_COUNTRY_CODE: Final = 2
_SECOND_LEVEL: Final = 3


def zone_of(host: str) -> str:
    """Return the zone that `host` shares its name servers with, well enough to bound it.

    The last two labels, or three below a country's registry (`co.uk`, `com.au`), whose customers are strangers.
    """
    labels = host.split(".")
    shared = len(labels[-1]) == _COUNTRY_CODE and len(labels) > 2 and len(labels[-2]) <= _SECOND_LEVEL  # noqa: PLR2004 -- two labels are the whole name
    return ".".join(labels[-3:] if shared else labels[-2:])


@dataclass(slots=True)
class _Zone:
    name: str
    running: int = 0
    waiting: deque[tuple[str, Future[Addresses]]] = field(default_factory=deque)
    queued: bool = False
    """Whether it stands in the line of zones that may start a lookup."""


class DnsResolver:
    """Runs lookups; callers that ask for a host that is being looked up share the one that runs."""

    def __init__(self, resolve: Resolver, *, max_lookups: int, per_zone: int) -> None:
        self._resolve = resolve
        self._free = max_lookups
        self._per_zone = per_zone
        self._lock = threading.Lock()
        self._running: dict[str, Future[Addresses]] = {}
        self._zones: dict[str, _Zone] = {}
        self._line: deque[_Zone] = deque()

    def start(self, host: str) -> Future[Addresses]:
        """Return the lookup of `host`, begun now, or earlier, or when its zone has its turn. Never blocks."""
        with self._lock:
            found = self._running.get(host)
            if found is not None:
                return found
            future: Future[Addresses] = Future()
            future.set_running_or_notify_cancel()  # shared: one caller's cancellation must not end it for the others
            self._running[host] = future
            name = zone_of(host)
            zone = self._zones.setdefault(name, _Zone(name))
            zone.waiting.append((host, future))
            self._stand_in_line(zone)
            self._admit()
            return future

    def _stand_in_line(self, zone: _Zone) -> None:
        if zone.waiting and zone.running < self._per_zone and not zone.queued:
            zone.queued = True
            self._line.append(zone)

    def _admit(self) -> None:
        while self._line and self._free:
            zone = self._line.popleft()
            zone.queued = False
            zone.running += 1
            self._free -= 1
            host, future = zone.waiting.popleft()
            self._stand_in_line(zone)
            thread = threading.Thread(
                target=self._run, args=(zone, host, future), name=f"lookup {host}", daemon=True
            )
            try:
                thread.start()
            except (
                RuntimeError
            ) as error:  # the system has no more threads: this lookup fails, the others go on
                self._leave(zone, host)
                future.set_exception(error)

    def _run(self, zone: _Zone, host: str, future: Future[Addresses]) -> None:
        try:
            found = tuple(self._resolve(host))
        except BaseException as error:  # noqa: BLE001 -- whatever it is belongs to those who wait for it
            self._done(zone, host)
            future.set_exception(error)
        else:
            self._done(zone, host)
            future.set_result(found)

    def _done(self, zone: _Zone, host: str) -> None:
        with self._lock:
            self._leave(zone, host)
            self._admit()

    def _leave(self, zone: _Zone, host: str) -> None:
        del self._running[host]
        self._free += 1
        zone.running -= 1
        self._stand_in_line(zone)
        if not (zone.running or zone.waiting):
            self._zones.pop(zone.name, None)
