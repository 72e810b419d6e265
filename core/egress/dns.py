"""DNS lookups in threads, bounded so that a zone whose name servers hang does not delay the others.

`getaddrinfo` blocks for as long as the name servers take (often half a minute) and cannot be cancelled. So each lookup
has its own daemon thread. At most `max_lookups` run concurrently, at most `per_zone` of them for one zone, and zones
take turns. A thread that hangs delays neither another zone nor the end of the process.
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
    """Return the zone whose name servers `host` probably depends on.

    The last two labels, or three below a country's registry (`co.uk`, `com.au`), whose customers are unrelated.
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
    """Whether it is in the queue of zones that may start a lookup."""


class DnsResolver:
    """Runs lookups. Callers that ask for the same host concurrently share one lookup."""

    def __init__(self, resolve: Resolver, *, max_lookups: int, per_zone: int) -> None:
        self._resolve = resolve
        self._free = max_lookups
        self._per_zone = per_zone
        self._lock = threading.Lock()
        self._running: dict[str, Future[Addresses]] = {}
        self._zones: dict[str, _Zone] = {}
        self._ready_zones: deque[_Zone] = deque()

    def start(self, host: str) -> Future[Addresses]:
        """Return the lookup of `host`: a running one, or one that starts now or when its zone has its turn.

        Never blocks.
        """
        with self._lock:
            running = self._running.get(host)
            if running is not None:
                return running
            future: Future[Addresses] = Future()
            # Shared: the cancellation of one caller must not end the lookup for the others.
            future.set_running_or_notify_cancel()
            self._running[host] = future
            name = zone_of(host)
            zone = self._zones.setdefault(name, _Zone(name))
            zone.waiting.append((host, future))
            self._enqueue_zone(zone)
            self._start_lookups()
            return future

    def waits_for_thread(self, host: str) -> bool:
        """Return whether the lookup of `host` has not started because other zones use every thread.

        False while the lookups of its own zone keep it waiting.
        """
        with self._lock:
            zone = self._zones.get(zone_of(host))
            return zone is not None and zone.queued and any(host == waiting for waiting, _ in zone.waiting)

    def _enqueue_zone(self, zone: _Zone) -> None:
        if zone.waiting and zone.running < self._per_zone and not zone.queued:
            zone.queued = True
            self._ready_zones.append(zone)

    def _start_lookups(self) -> None:
        while self._ready_zones and self._free:
            zone = self._ready_zones.popleft()
            zone.queued = False
            zone.running += 1
            self._free -= 1
            host, future = zone.waiting.popleft()
            self._enqueue_zone(zone)
            thread = threading.Thread(
                target=self._run, args=(zone, host, future), name=f"lookup {host}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:  # the system has no more threads: only this lookup fails
                self._release(zone, host)
                future.set_exception(error)

    def _run(self, zone: _Zone, host: str, future: Future[Addresses]) -> None:
        try:
            addresses = tuple(self._resolve(host))
        except BaseException as error:  # noqa: BLE001 -- the callers that wait for the lookup handle it
            self._finish(zone, host)
            future.set_exception(error)
        else:
            self._finish(zone, host)
            future.set_result(addresses)

    def _finish(self, zone: _Zone, host: str) -> None:
        with self._lock:
            self._release(zone, host)
            self._start_lookups()

    def _release(self, zone: _Zone, host: str) -> None:
        del self._running[host]
        self._free += 1
        zone.running -= 1
        self._enqueue_zone(zone)
        if not (zone.running or zone.waiting):
            self._zones.pop(zone.name, None)
